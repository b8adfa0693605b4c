// Explorers, with what a page can add to them: play, one's own keys, and a link that carries the state.
// The explorer itself (sliders and frames) is in the stored output and works without this file.
"use strict";
(() => {
  const STEP = 700; // milliseconds a frame is shown while it plays

  const slug = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  const nameOf = (slider) => slider.closest("label").querySelector("span").textContent.trim();
  const textsOf = (slider) => JSON.parse(slider.dataset.values);

  function button(text, hint) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = hint;
    return made;
  }

  function move(slider, index) {
    slider.value = index;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // "#explore-NAME?slider=text&slider=text": what is read from it is only compared with known texts.
  function hash(root, sliders) {
    const state = new URLSearchParams(sliders.map((s) => [nameOf(s), textsOf(s)[s.value]]));
    return `#${root.id}?${state}`;
  }

  function restore(root, sliders) {
    const [id, query] = location.hash.slice(1).split("?");
    if (decodeURIComponent(id) !== root.id) return;
    const state = new URLSearchParams(query || "");
    for (const slider of sliders) {
      const index = textsOf(slider).indexOf(state.get(nameOf(slider)));
      if (index >= 0) move(slider, index);
    }
    root.scrollIntoView();
  }

  function player(sliders) {
    let chosen = sliders.reduce((a, b) => (Number(b.max) > Number(a.max) ? b : a));
    let timer = 0;
    const made = button("▶ play", "Move the slider that was touched last, or the longest one, to its end");
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      made.textContent = "▶ play";
    };
    const step = () => {
      if (chosen.value === chosen.max) return stop();
      move(chosen, Number(chosen.value) + 1);
    };
    made.addEventListener("click", () => {
      if (timer) return stop();
      if (chosen.value === chosen.max) move(chosen, 0);
      made.textContent = "❚❚ stop";
      timer = setInterval(step, STEP);
    });
    for (const slider of sliders) {
      slider.addEventListener("focus", () => { chosen = slider; });
      for (const touched of ["pointerdown", "keydown"]) slider.addEventListener(touched, stop);
    }
    return made;
  }

  function link(root, sliders, said) {
    const made = button("copy link", "Copy a link that opens the page with the sliders as they are");
    made.addEventListener("click", async () => {
      const address = location.href.split("#")[0] + hash(root, sliders);
      history.replaceState(null, "", hash(root, sliders));
      try {
        await navigator.clipboard.writeText(address);
        said.textContent = "copied";
      } catch { // no clipboard for a page opened from a file
        said.textContent = "the link stands in the address bar";
      }
    });
    return made;
  }

  function back(sliders) {
    const start = sliders.map((slider) => slider.defaultValue);
    const made = button("reset", "Back to the values that were shown first");
    made.addEventListener("click", () => sliders.forEach((slider, i) => move(slider, start[i])));
    return made;
  }

  function enhance(root, taken) {
    const controls = root.querySelector(".sliders");
    const sliders = [...controls.querySelectorAll("input[type=range]")];
    if (!sliders.length) return;
    const name = `explore-${slug(root.querySelector("figcaption").textContent)}`;
    taken[name] = (taken[name] || 0) + 1;
    root.id = taken[name] > 1 ? `${name}-${taken[name]}` : name;
    const row = document.createElement("div");
    row.className = "qbp-buttons";
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    row.append(player(sliders), back(sliders), link(root, sliders, said), said);
    controls.append(row);
    restore(root, sliders);
    addEventListener("hashchange", () => restore(root, sliders));
  }

  // The first thing that can be moved is many tab stops down a chapter: a way there, for a keyboard.
  function skip(first) {
    const known = document.querySelector(".skip-link, #pst-skip-link");
    if (!known) return;
    const made = known.cloneNode(true);
    made.removeAttribute("id");
    const words = made.querySelector("a") || made;
    words.textContent = "Skip to the first explorer";
    words.setAttribute("href", `#${first.id}`);
    words.addEventListener("click", (event) => {
      event.preventDefault();
      first.scrollIntoView();
      first.querySelector("input").focus();
    });
    known.after(made);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const taken = {};
    const roots = [...document.querySelectorAll(".qbp-explorer")];
    roots.forEach((root) => enhance(root, taken));
    if (roots[0]?.id) skip(roots[0]);
  });
})();
