// Tables of more than ten rows: folded after ten, and sorted by a click on a column.  Where a first cell stands for
// several rows, as a sentence of the paper does for its readings, all but the first of these are folded.  Parts that
// a page folds open for a link to something inside, and on paper.
"use strict";
(() => {
  const SHOWN = 10;
  const SCALES = { "%": 0.01, times: 1 };

  // "-11.5 % [-20, -3]" is the number -0.115; "12.2 times" 12.2; "3e-05" 0.00003; a text is none.
  function number(text) {
    const found = text.replace(/−/g, "-").match(/^\s*([<>≥≤~]?\s*)([+-]?\d[\d, ]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(%|times)?/i);
    if (!found) return NaN;
    return Number(found[2].replace(/[ ,]/g, "")) * (SCALES[found[3]] ?? 1);
  }

  const aim = () => document.getElementById(decodeURIComponent(location.hash.slice(1))); // of the link, or null

  const cell = (row, column) => row.cells[column]?.textContent.trim() ?? "";

  function compare(column, sign) {
    return (a, b) => {
      const [x, y] = [cell(a, column), cell(b, column)];
      const [p, q] = [number(x), number(y)];
      if (Number.isNaN(p) !== Number.isNaN(q)) return Number.isNaN(p) ? 1 : -1; // texts last
      return sign * (Number.isNaN(p) ? x.localeCompare(y) : p - q || x.localeCompare(y));
    };
  }

  function sortable(table, body, fold) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const made = document.createElement("span"); // no button: on paper there is nothing to press
      made.className = "qbp-sort";
      made.setAttribute("role", "button");
      made.tabIndex = 0;
      made.append(...head.childNodes);
      head.append(made);
      made.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        made.click();
      });
      made.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        body.append(...[...body.rows].sort(compare(column, sign)));
        fold();
      });
    });
  }

  function folded(table, body) {
    let open = false;
    const rows = body.rows.length;
    const made = document.createElement("button");
    made.type = "button";
    made.className = "qbp-more";
    const fold = () => {
      [...body.rows].forEach((row, i) => row.classList.toggle("qbp-folded", !open && i >= SHOWN));
      made.textContent = open ? "Show ten rows" : `Show all ${rows} rows`;
      made.setAttribute("aria-expanded", String(open));
    };
    made.addEventListener("click", () => {
      open = !open;
      fold();
    });
    const box = table.closest(".qbp-scroll, .pst-scrollable-table-container") || table;
    box.after(made);
    fold();
    // A link to a row, or a search that lands on it, opens the table.
    const reveal = () => {
      const target = aim();
      if (target && body.contains(target) && !open) {
        made.click();
        target.scrollIntoView();
      }
    };
    addEventListener("hashchange", reveal);
    reveal();
    return fold;
  }

  // One group: the first row, with the cells that span the others, and the others.
  function group(first, others) {
    const spanning = [...first.cells].filter((cell) => cell.rowSpan > 1);
    const made = document.createElement("button");
    let open = false;
    made.type = "button";
    made.className = "qbp-more";
    spanning[0].append(made);
    const show = (all) => {
      spanning.forEach((cell) => { cell.rowSpan = all ? others.length + 1 : 1; });
      others.forEach((row) => row.classList.toggle("qbp-folded", !all));
      made.textContent = all ? "show the first row" : `show ${others.length} more rows`;
      made.setAttribute("aria-expanded", String(all));
    };
    made.addEventListener("click", () => {
      open = !open;
      show(open);
    });
    show(open);
    matchMedia("print").addEventListener("change", (print) => show(open || print.matches));
    const reveal = () => {
      const target = aim();
      if (target && !open && others.some((row) => row.contains(target))) {
        made.click();
        target.scrollIntoView();
      }
    };
    addEventListener("hashchange", reveal);
    reveal();
  }

  function groups(body) {
    const rows = [...body.rows];
    for (let at = 0; at < rows.length; ) {
      const span = rows[at].cells[0]?.rowSpan ?? 1;
      if (span > 3) group(rows[at], rows.slice(at + 1, at + span));
      at += span;
    }
  }

  // What is folded, in a table or as a part of a chapter: a link to something inside opens it, and paper has it all.
  function unfolded(parts) {
    const reveal = () => {
      const around = parts.filter((part) => !part.open && aim() && part.contains(aim()));
      around.forEach((part) => { part.open = true; });
      if (around.length) aim().scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    reveal();
    let closed = [];
    matchMedia("print").addEventListener("change", (print) => {
      if (print.matches) closed = parts.filter((part) => !part.open);
      closed.forEach((part) => { part.open = print.matches; });
    });
  }

  const plain = (table) => // spans and several bodies have an order of their own
    table.tHead?.rows.length && table.tBodies.length === 1 && !table.querySelector("[rowspan], tbody [colspan]");

  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll(".bd-article table:not(.genindextable)")) {
      if (!(table.tBodies[0]?.rows.length > SHOWN)) continue;
      if (!plain(table)) {
        groups(table.tBodies[0]);
        continue;
      }
      sortable(table, table.tBodies[0], folded(table, table.tBodies[0]));
    }
    unfolded([...document.querySelectorAll("details.qbp-fold, .qbp-lines details, .qbp-choice details")]);
  });
})();
