/* Small plots as SVG, and the elements around them.  Texts are set as text, never as HTML: what a reader pastes stays
   text.  Colours come from qbp.css (.qbp-live), so that both themes and print have their own. */
"use strict";

const qbpDraw = (() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";

  /* An element with attributes and children; functions among the attributes are listeners. */
  function make(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }

  function shape(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(NAMESPACE, tag), attributes, children);
  }

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter(child => child !== null));
    return element;
  }

  // ------------------------------------------------------------------------------------------------- numbers

  const minus = text => text.replace("-", "−");

  function number(value, digits = 3) {
    const size = Math.abs(value);
    if (value === 0 || !Number.isFinite(value)) return value === 0 ? "0" : "–";
    if (size >= 1e-3 && size < 1e6) return minus(String(Number(value.toPrecision(digits))));
    const [head, power] = value.toExponential(digits - 1).split("e");
    const raised = [...String(Number(power))].map(c => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("");
    return `${minus(head)} × 10${raised}`;
  }

  /* A number given by its base-2 logarithm, however small: "2^−13.7 (7.4 × 10⁻⁵)". */
  function power(log2) {
    if (log2 === -Infinity) return "0";
    const bits = `2^${minus(log2.toFixed(1))}`;
    return log2 > -1000 ? `${bits} (${number(2 ** log2)})` : bits;
  }

  const share = relative => (Number.isFinite(relative) ? `± ${number(100 * relative, 2)} %` : "± unknown");

  // --------------------------------------------------------------------------------------------------- plots

  /* About `count` round numbers from low to high. */
  function ticks(low, high, count) {
    const raw = (high - low) / count || 1, unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * [1, 2, 5, 10].find(factor => factor * unit >= raw * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
    return found;
  }

  const extent = all => [Math.min(...all), Math.max(...all)];

  function range(all, whole) {
    const [low, high] = all.length ? extent(all) : [0, 1], alone = whole ? 1 : Math.abs(high) * 0.1 || 1;
    const pad = (high - low) * 0.06 || alone;
    return [low - pad, high + pad];
  }

  /* Axes with their labels inside `svg`; returns the places of an x and of a y. */
  function axes(svg, width, height, [xLow, xHigh], [yLow, yHigh], xLabel, yLabel) {
    const [left, right, top, bottom] = [52, 10, 24, 40];
    const x = v => left + (v - xLow) / (xHigh - xLow) * (width - left - right);
    const y = v => height - bottom - (v - yLow) / (yHigh - yLow) * (height - top - bottom);
    svg.append(shape("path", { class: "axis", d: `M${left},${top}V${height - bottom}H${width - right}` }));
    for (const at of ticks(xLow, xHigh, width < 420 ? 4 : 8).filter(Number.isInteger)) {  // steps, qubits, angles
      svg.append(shape("path", { class: "axis", d: `M${x(at)},${height - bottom}v4` }),
        shape("text", { x: x(at), y: height - bottom + 17, "text-anchor": "middle" }, minus(String(at))));
    }
    for (const at of ticks(yLow, yHigh, 5)) {
      svg.append(shape("path", { class: "grid", d: `M${left},${y(at)}H${width - right}` }),
        shape("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, minus(String(at))));
    }
    svg.append(shape("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, xLabel),
      shape("text", { x: 4, y: 13 }, yLabel));
    return { x, y };
  }

  function canvas(width, height, alt) {
    return shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alt });
  }

  /* Lines or points: series of {points: [[x, y, error]], tone, dashed, dots}; `marks` are vertical lines. */
  function plot({ series, xLabel, yLabel, alt, width, height = 300, marks = [], xRange = null, yRange = null }) {
    const svg = canvas(width, height, alt), all = series.flatMap(one => one.points);
    const bounds = all.flatMap(([, y, error = 0]) => [y - error, y + error]);
    const ranges = [xRange ?? range(all.map(p => p[0]), true), yRange ?? range(bounds)];
    const place = axes(svg, width, height, ...ranges, xLabel, yLabel);
    for (const at of marks) svg.append(shape("path", { class: "mark", d: `M${place.x(at)},24V${height - 40}` }));
    for (const { points, tone = 0, dots, line = true } of series) {
      const spots = points.map(([x, y]) => `${place.x(x).toFixed(1)},${place.y(y).toFixed(1)}`);
      const look = `line tone-${tone}`, r = points.length > 60 ? 2 : 3.5;
      if (line && spots.length > 1) svg.append(shape("polyline", { class: look, points: spots.join(" ") }));
      for (const [x, y, error] of dots ? points : []) {
        if (error) svg.append(shape("path", { class: look, d: `M${place.x(x)},${place.y(y - error)}V${place.y(y + error)}` }));
        svg.append(shape("circle", { class: `dot tone-${tone}`, cx: place.x(x), cy: place.y(y), r }));
      }
    }
    return svg;
  }

  /* A square of values, row by row from below; the scale beside it. */
  function heatmap({ points, grid, xLabel, yLabel, alt, width }) {
    const side = Math.min(width - 80, 420), svg = canvas(side + 80, side + 64, alt), [low, high] = extent(grid);
    const place = axes(svg, side + 62, side + 64, [-Math.PI, Math.PI], [-Math.PI, Math.PI], xLabel, yLabel);
    const left = place.x(-Math.PI), bottom = place.y(-Math.PI);
    const cell = (place.x(Math.PI) - left) / points, tall = (bottom - place.y(Math.PI)) / points;
    const cells = shape("g", { "shape-rendering": "crispEdges" });
    const colour = share => `color-mix(in oklab, var(--live-high) ${Math.round(100 * share)}%, var(--live-low))`;
    grid.forEach((value, i) => cells.append(shape("rect", {
      x: left + (i % points) * cell, y: bottom - (Math.floor(i / points) + 1) * tall,
      width: cell + 0.5, height: tall + 0.5,
      style: `fill: ${colour(high > low ? (value - low) / (high - low) : 0.5)}` })));
    svg.append(cells, shape("circle", { class: "here", cx: place.x(0), cy: place.y(0), r: 4 }));
    return svg;
  }

  /* A surface z(a, b), row by row, drawn from behind; `scale` is the z that is as high as a quarter of the width. */
  function surface({ points, grid, alt, width, scale }) {
    const height = width * 0.62, svg = canvas(width, height, alt), half = width / 2 - 4, middle = height * 0.56;
    const spot = (a, b) => {
      const u = a / (points - 1) - 0.5, v = b / (points - 1) - 0.5;
      const x = width / 2 + (u - v) * half, y = middle + (u + v) * half * 0.42 - grid[b * points + a] / scale * width / 4;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    for (let b = 0; b < points - 1; b++) for (let a = 0; a < points - 1; a++) {
      const corners = [spot(a, b), spot(a + 1, b), spot(a + 1, b + 1), spot(a, b + 1)];
      svg.append(shape("polygon", { class: "patch", points: corners.join(" ") }));
    }
    return svg;
  }

  return { make, shape, number, power, share, minus, plot, heatmap, surface, extent };
})();
