/* The tab Monitor: figures of a period, their course as plots, drift and alerts. The app and the period stand in the
   address. A plot is drawn at its real size, and again when that changes, so that its letters keep theirs. */
"use strict";
(() => {
  const { words, apps, api, h, every, moment } = Console;
  const LOOK_MS = 60_000;
  const DAYS = [1, 7, 30];
  const HEIGHT = 190;
  const EDGE = { top: 12, right: 10, bottom: 26, left: 46 };
  const SVG = "http://www.w3.org/2000/svg";
  const main = document.querySelector("#main");
  let app = apps[0]?.name ?? "";
  let days = 1;
  let drawn = "";

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const formatted = (options) => {
    const format = new Intl.NumberFormat(words.tag, options);
    return (value) => (value === null ? words.no_data : format.format(value));
  };
  const whole = formatted({ maximumFractionDigits: 0 });
  const percent = formatted({ style: "percent", maximumFractionDigits: 1 });
  const decimal = formatted({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const mark = formatted({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const milliseconds = (value) => (value === null ? words.no_data : `${value < 10 ? mark(value) : whole(value)} ${words.unit_ms}`);

  /* By hours the start is a moment, told in the reader's time; days are those of UTC, as they were counted. */
  function timeOf(start, long) {
    const byHour = start.length > 10;
    const date = new Date(byHour ? `${start}:00Z` : `${start}T00:00Z`);
    const day = { day: "numeric", month: "short" };
    const hour = { hour: "2-digit", minute: "2-digit", hour12: false };
    const options = byHour ? (long ? { ...day, ...hour } : hour) : { ...day, timeZone: "UTC" };
    return new Intl.DateTimeFormat(words.tag, options).format(date);
  }

  // The page's parts

  const choice = h(
    "select.field",
    { "aria-label": words.app_choice, onchange: () => show(choice.value, days) },
    apps.map((one) => h("option", { value: one.name }, one.title)),
  );
  const periods = h(
    "div.segments",
    { role: "group", "aria-label": words.period },
    DAYS.map((count) => h("button", { type: "button", value: count, onclick: () => show(app, count) }, words[`days_${count}`])),
  );
  const tiles = h("dl.tiles", {});
  const plots = h("div.plots", {});
  const nothing = h("div.empty", {}, h("strong", {}, words.nothing), h("span", {}, words.nothing_means));
  const drift = h("section.drift", { "aria-labelledby": "drift-title" });
  const alerts = h("section.alerts", { "aria-labelledby": "alerts-title" });
  main.append(
    h("header.choose", {}, apps.length > 1 ? choice : null, periods),
    alerts,
    tiles,
    nothing,
    plots,
    drift,
  );

  // Plots

  function s(tag, attributes, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /* Round numbers from 0 to at least ``most``, three to six of them. */
  function ticks(most) {
    const rough = most / 4 || 1;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 2.5, 5, 10].find((factor) => factor * size >= rough);
    return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, at) => at * step);
  }

  /* ``lines``: [{name, key, format, kind}], kind "bar" or "line"; ``range`` fixes the scale, else it begins at 0. */
  function plot({ title, unit, lines, series, range, axis }) {
    const box = h("div.box", {});
    const tip = h("div.tip", { hidden: true, "aria-hidden": "true" });
    const label = (line) => h(`span.key.${line.kind}.${line.mark}`, {}, line.name);
    const value = (line, at) => line.format(series[at][line.key]);
    const told = (at) => `${timeOf(series[at].start, true)}: ${lines.map((line) => `${line.name} ${value(line, at)}`).join(", ")}`;
    const rows = series.map((slot, at) =>
      h("tr", {}, h("th", { scope: "row" }, timeOf(slot.start, true)), lines.map((line) => h("td.number", {}, value(line, at)))),
    );
    const heads = lines.map((line) => h("th.number", { scope: "col" }, line.name));
    const table = h(
      "details",
      {},
      h("summary", {}, words.as_table),
      h(
        "div.scroll",
        { role: "group", "aria-label": title, tabindex: "0" },
        h("table.grid", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, words.time), heads)), h("tbody", {}, rows)),
      ),
    );
    const figure = h(
      "figure",
      {},
      h("figcaption", {}, h("h2", {}, title, h("small", {}, ` ${unit}`)), lines.length > 1 ? h("p.keys", {}, lines.map(label)) : null),
      box,
      table,
    );

    let width = 0;
    let at = series.length - 1;
    let place = null;
    function draw() {
      width = box.clientWidth;
      if (width === 0) return;
      const known = lines.flatMap((line) => series.map((slot) => slot[line.key])).filter((one) => one !== null);
      const steps = range ?? ticks(Math.max(...known, 0));
      const [low, high] = [steps[0], steps.at(-1)];
      const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
      const slot = inner.width / series.length;
      const x = (index) => EDGE.left + slot * (index + 0.5);
      const y = (number) => EDGE.top + inner.height * (1 - (number - low) / (high - low));
      const parts = steps.map((step) =>
        s("g", { class: "tick" }, s("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(step), y2: y(step) }), s("text", { x: EDGE.left - 8, y: y(step), dy: "0.32em", "text-anchor": "end" }, axis(step))),
      );
      const apart = Math.ceil(64 / slot);
      series.forEach((one, index) => {
        if ((series.length - 1 - index) % apart !== 0) return;
        const end = index === series.length - 1 && slot < 40;
        const text = s("text", { x: end ? width - EDGE.right : x(index), y: HEIGHT - 8, "text-anchor": end ? "end" : "middle" }, timeOf(one.start, false));
        parts.push(s("g", { class: "tick" }, text));
      });
      const bars = lines.filter((line) => line.kind === "bar");
      for (const line of lines) parts.push(...(line.kind === "bar" ? barsOf(line, bars, x, y, slot) : lineOf(line, x, y)));
      const cursor = s("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, x1: 0, x2: 0, visibility: "hidden" });
      const svg = s(
        "svg",
        {
          width,
          height: HEIGHT,
          viewBox: `0 0 ${width} ${HEIGHT}`,
          role: "slider",
          tabindex: 0,
          "aria-label": `${title}. ${words.plot_help}`,
          "aria-valuemin": 0,
          "aria-valuemax": series.length - 1,
          "aria-valuenow": at,
          "aria-valuetext": told(at),
        },
        ...parts,
        cursor,
      );
      place = (index) => {
        at = Math.max(0, Math.min(series.length - 1, index));
        svg.setAttribute("aria-valuenow", at);
        svg.setAttribute("aria-valuetext", told(at));
        cursor.setAttribute("x1", x(at));
        cursor.setAttribute("x2", x(at));
        cursor.setAttribute("visibility", "visible");
        tip.replaceChildren(h("strong", {}, timeOf(series[at].start, true)), ...lines.map((line) => h("span", {}, label(line), ` ${value(line, at)}`)));
        tip.hidden = false;
        tip.style.left = `${Math.max(0, Math.min(width - tip.offsetWidth, x(at) + (x(at) > width / 2 ? -tip.offsetWidth - 10 : 10)))}px`;
      };
      const leave = () => {
        tip.hidden = true;
        cursor.setAttribute("visibility", "hidden");
      };
      svg.addEventListener("pointermove", (event) => place(Math.floor((event.offsetX - EDGE.left) / slot)));
      svg.addEventListener("pointerleave", () => svg.matches(":focus-visible") || leave());
      svg.addEventListener("focus", () => svg.matches(":focus-visible") && place(at));
      svg.addEventListener("blur", leave);
      svg.addEventListener("keydown", (event) => {
        const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: series.length - 1 }[event.key];
        if (to !== undefined) {
          event.preventDefault();
          place(to);
        } else if (event.key === "Escape") leave();
      });
      box.replaceChildren(svg, tip);
    }

    function barsOf(line, bars, x, y, slot) {
      const thick = Math.max(1, Math.min(26, slot * 0.7) / bars.length);
      const left = (bars.indexOf(line) - bars.length / 2) * thick;
      return series.flatMap((one, index) => {
        const top = y(one[line.key]);
        return one[line.key] === 0 ? [] : [s("rect", { class: line.mark, x: x(index) + left, width: Math.max(1, thick - 1), y: top, height: y(0) - top, rx: Math.min(3, thick / 3) })];
      });
    }

    /* What was not measured is a gap; a point between two gaps would be no line, and is a dot. */
    function lineOf(line, x, y) {
      const parts = [];
      let run = [];
      const end = () => {
        if (run.length === 1) parts.push(s("circle", { class: line.mark, cx: run[0][0], cy: run[0][1], r: 3 }));
        else if (run.length > 1) parts.push(s("polyline", { class: line.mark, points: run.map((point) => point.join(",")).join(" ") }));
        run = [];
      };
      series.forEach((one, index) => (one[line.key] === null ? end() : run.push([x(index), y(one[line.key])])));
      end();
      return parts;
    }

    new ResizeObserver(() => box.clientWidth !== width && draw()).observe(box);
    return figure;
  }

  // Figures, drift, alerts

  function tile(name, value, more) {
    return h("div", {}, h("dt", {}, name), h("dd", {}, h("strong", {}, value), more ? h("span.quiet", {}, more) : null));
  }

  function drawFigures(found) {
    const { latency_ms: latency, thumbs, csat } = found;
    const judged = thumbs.up + thumbs.down;
    tiles.replaceChildren(
      tile(words.messages, whole(found.turns)),
      tile(words.latency, latency ? milliseconds(latency.p50) : words.no_data, latency ? `${words.p95} ${milliseconds(latency.p95)}` : ""),
      tile(words.refused, percent(found.refusal_rate)),
      tile(words.handed_over, percent(found.handover_rate)),
      tile(words.thumbs, judged ? percent(thumbs.up / judged) : words.no_data, judged ? `${thumbs.up} ${words.up}, ${thumbs.down} ${words.down}` : ""),
      tile(words.csat, mark(csat.mean), csat.count ? say("csat_count", csat) : ""),
    );
  }

  function drawPlots(series) {
    const line = (name, key, format, mark = "one") => ({ name, key, format, mark, kind: "line" });
    const bar = (name, key, mark = "one") => ({ ...line(name, key, whole, mark), kind: "bar" });
    const counted = series[0].start.length > 10 ? words.unit_hour : words.unit_day;
    plots.replaceChildren(
      ...[
        { title: words.messages, unit: counted, axis: whole, lines: [bar(words.messages, "turns")] },
        {
          title: words.latency,
          unit: words.unit_ms,
          axis: (value) => (value < 10 && value % 1 ? mark(value) : whole(value)),
          lines: [line(words.p50, "p50", milliseconds), line(words.p95, "p95", milliseconds, "two")],
        },
        {
          title: words.answers,
          unit: words.unit_share,
          axis: percent,
          lines: [line(words.refused, "refused", percent), line(words.handed_over, "handed_over", percent, "two")],
        },
        { title: words.thumbs, unit: counted, axis: whole, lines: [bar(words.up, "up"), bar(words.down, "down", "two")] },
        { title: words.csat, unit: words.unit_marks, axis: whole, range: [1, 2, 3, 4, 5], lines: [line(words.csat, "csat", mark)] },
        {
          title: words.known,
          unit: words.unit_figure,
          axis: decimal,
          range: [0, 0.25, 0.5, 0.75, 1],
          lines: [line(words.confidence, "confidence", decimal), line(words.distance, "distance", decimal, "two")],
        },
      ].map((one) => plot({ ...one, series })),
    );
  }

  function drawDrift(found, far) {
    const enough = found.shifts.length > 0;
    const columns = ["measure", "against", "now", "then", "gap", "p"];
    const rows = found.shifts.map((one) =>
      h(
        "tr",
        {},
        h("td", {}, words[`measure_${one.measure}`]),
        h("td", {}, words[`against_${one.against}`]),
        [one.now, one.then, one.statistic].map((value) => h("td.number", {}, decimal(value))),
        h("td.number", {}, one.p < 0.001 ? "< 0.001" : one.p.toFixed(3)),
        h("td", {}, h(`span.badge${one.certain ? ".warn" : ""}`, {}, one.certain ? words.shifted : words.not_shifted)),
      ),
    );
    const heads = columns.map((name, at) => h(`th${at > 1 ? ".number" : ""}`, { scope: "col" }, words[name]));
    const table = h("table.grid", {}, h("thead", {}, h("tr", {}, heads, h("td", {}))), h("tbody", {}, rows));
    const messages = far.map((one) => h("li", {}, h("span.text", {}, one.text), h("span.quiet", {}, decimal(one.distance), " · ", moment(one.at))));
    const values = { turns: whole(found.turns), before: whole(found.turns_before), version: found.version, needed: found.needed };
    drift.replaceChildren(
      h("h2", { id: "drift-title" }, words.drift),
      h("p.quiet", {}, say("drift_means", values), enough ? "" : ` ${say("drift_needs", values)}`),
      enough ? h("div.scroll", { role: "group", "aria-label": words.drift, tabindex: "0" }, table) : "",
      h("h3", {}, words.far),
      messages.length > 0 ? h("ul.far", {}, messages) : h("p.quiet", {}, words.far_none),
      messages.length > 0 ? h("a.secondary", { href: "/console/review" }, words.far_review) : "",
    );
  }

  function drawAlerts(found) {
    const item = (one) =>
      h(
        `li.${one.state}`,
        {},
        h("strong", {}, words[`alert_${one.measure}`] ?? one.measure),
        h(`span.badge${one.state === "opened" ? ".warn" : ""}`, {}, words[`alert_${one.state}`]),
        h("span.quiet", {}, `${words.alert_since} `, moment(one.opened_at), one.closed_at ? ` ${words.alert_until} ` : "", one.closed_at ? moment(one.closed_at) : ""),
        h("p", { lang: "en" }, one.detail),
      );
    const open = found.filter((one) => one.state === "opened");
    const closed = found.filter((one) => one.state !== "opened");
    alerts.replaceChildren(
      h("h2", { id: "alerts-title" }, words.alerts),
      found.length === 0 ? h("p.quiet", {}, words.alerts_none) : h("ul", {}, open.map(item)),
      closed.length > 0 ? h("details", {}, h("summary", {}, `${words.alert_closed} (${closed.length})`), h("ul", {}, closed.map(item))) : "",
    );
  }

  // Looking

  function show(name, count) {
    app = name;
    days = count;
    poll();
  }

  async function look() {
    const asked = `${encodeURIComponent(app)}?days=${days}`;
    const found = await api(`monitor/${asked}`, { byItself: true });
    if (asked !== `${encodeURIComponent(app)}?days=${days}`) return;
    history.replaceState(null, "", `#${encodeURIComponent(app)}/${days}`);
    for (const button of periods.children) button.setAttribute("aria-pressed", String(Number(button.value) === days));
    // Drawn anew only if something changed: a person may be reading it.
    const { since, until, ...figures } = found.figures;
    const state = JSON.stringify([app, days, { ...found, figures }]);
    if (state === drawn) return;
    drawn = state;
    const quiet = found.figures.turns === 0;
    nothing.hidden = !quiet;
    tiles.hidden = plots.hidden = quiet;
    if (!quiet) {
      drawFigures(found.figures);
      drawPlots(found.series);
    }
    drawDrift(found.figures.drift, found.far);
    drawAlerts(found.alerts);
  }

  const [name, count] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (apps.some((one) => one.name === name)) {
    app = name;
    choice.value = name;
    if (DAYS.includes(Number(count))) days = Number(count);
  }
  const poll = every(LOOK_MS, look);
})();
