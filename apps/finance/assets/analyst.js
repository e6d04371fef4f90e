/* The page /analyst: the index of what is chosen, the items behind a point, the watch list, movers, alerts, volatility.
   The server draws the pictures and works out the figures (see apps/finance/page.py); nothing is computed here. */
"use strict";
(() => {
  const { $, words, h, Problem, attempt, every, tell } = Console;
  const LOOK_MS = 4000;
  const DRAW_MS = 12_000;
  // A letter of a picture is 1.3 times as high on the page as in print, whatever the picture's width.
  const PIXELS_AN_INCH = 94;
  const MOST_MARKS = 6;
  const main = $("#main");
  let facts = JSON.parse(document.body.dataset.facts).facts;
  let state = null;
  let drawn = { stamp: "", at: 0 };

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const whole = new Intl.NumberFormat(words.tag);
  const signed = new Intl.NumberFormat(words.tag, { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
  const tenth = new Intl.NumberFormat(words.tag, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const thousandth = new Intl.NumberFormat(words.tag, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
  const figure = (value) => (value === null ? "–" : signed.format(value));
  const dated = new Intl.DateTimeFormat(words.tag, { dateStyle: "medium", timeZone: "UTC" });
  const timed = new Intl.DateTimeFormat(words.tag, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const day = (iso) => dated.format(new Date(`${iso}T00:00Z`));
  const span = ({ first, last }) => dated.formatRange(new Date(`${first}T00:00Z`), new Date(`${last}T00:00Z`));
  const counted = (count) => (count === 0 ? words.no_items : count === 1 ? words.one_item : say("items_count", { count: whole.format(count) }));

  async function ask(path, values = {}) {
    const response = await fetch(`/analyst/api/${path}?${new URLSearchParams(values)}`, { cache: "no-store" });
    if (response.ok) return response.json();
    throw new Problem(response.status, (await response.json()).error, response.headers.get("Retry-After"));
  }

  const inches = (element) => Math.max(3.5, Math.min(12, Math.round((2 * element.clientWidth) / PIXELS_AN_INCH) / 2));
  const asked = () => ({ since: state.since, until: state.until, by: state.by });

  // Parts of a card

  /* Links that save a view: ``files`` are those of it that there are, by what a link says. */
  function saves(name, values, files) {
    const link = ([text, file]) => h("a", { href: `/analyst/files/${file}?${new URLSearchParams(values)}`, download: true, "aria-label": `${say("save", { name })}: ${text}` }, text);
    return h("p.save", {}, Object.entries(files).map(link));
  }

  function table(heads, rows, label) {
    const heading = (head, at) => (head ? h(at === 0 ? "th" : "th.number", { scope: "col" }, head) : h("td", {}));
    const cells = (row) => row.map((cell, at) => h(at === 0 ? "th" : "td.number", at === 0 ? { scope: "row" } : {}, cell));
    return h(
      "div.scroll",
      { role: "group", "aria-label": label, tabindex: "0" },
      h("table.grid", {}, h("thead", {}, h("tr", {}, heads.map(heading))), h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))),
    );
  }

  const tone = (score) => h(`span.tone${score > 0.1 ? ".good" : score < -0.1 ? ".bad" : ""}`, {}, figure(score));
  const partOf = (point, name, title) => ({
    at: point.first,
    last: point.last,
    name,
    title,
    lines: [`${span(point)}: ${figure(point.value)}${point.low === null ? "" : ` (${figure(point.low)} … ${figure(point.high)})`}`, counted(point.n)],
  });

  const alerted = ({ kind, text, value, z, items }) => (kind === "fired" ? h("span", { lang: "en" }, text) : say(z > 0 ? "unusual_above" : "unusual_below", { value: figure(value), z: tenth.format(Math.abs(z)), items: counted(items) }));

  // The page's parts

  const notice = h("div.notice", {});
  const nothing = h("div.empty", {}, h("strong", {}, words.nothing), h("span", {}, words.nothing_means));
  const charts = h("div.charts", {});
  const means = h("p.quiet", {}, words.index_means);
  const said = h("section.items", { "aria-labelledby": "said-title", hidden: true });
  const heat = h("figure", {});
  const movers = h("section.movers", { "aria-labelledby": "movers-title" });
  const alerts = h("section.alerts", { "aria-labelledby": "alerts-title" });
  const volatility = h("section.volatility", { "aria-labelledby": "volatility-title" });
  const views = [charts, means, heat, h("div.pair", {}, movers, alerts), volatility];
  const board = h("div.board", {}, notice, nothing, charts, means, said, ...views.slice(2), Bring.section(facts.may_bring, () => look(true)));
  main.append(board);

  function drawNotice() {
    const { scoring, demo, items, version } = facts;
    const now = [];
    if (version === null) now.push(words.no_model);
    else if (facts.reading) now.push(say("reading", { items: whole.format(items) }));
    else if (scoring.waiting > 0) now.push(say("scoring", { done: whole.format(scoring.total - scoring.waiting), total: whole.format(scoring.total) }));
    notice.replaceChildren(
      ...(demo ? [h("span.badge.warn", {}, words.demo), h("span", {}, words.demo_means)] : []),
      h("span.advice", {}, words.advice),
      ...now.map((text) => h("p", { role: "status" }, text)),
      ...(scoring.waiting > 0 && !facts.reading ? [share(1 - scoring.waiting / scoring.total)] : []),
    );
  }

  function share(part) {
    const bar = h("i", {});
    bar.style.width = `${Math.round(100 * part)}%`;
    return h("div.progress", { "aria-hidden": "true" }, bar);
  }

  // The index of each choice

  async function drawCharts() {
    const wanted = state.show;
    const there = new Map([...charts.children].map((one) => [one.dataset.name, one]));
    const places = wanted.map((name) => there.get(name) ?? h("figure", { "data-name": name }, h("div.plot.busy", {}, h("p.quiet", {}, words.drawing))));
    charts.replaceChildren(...(wanted.length > 0 ? places : [h("p.empty", {}, words.none_chosen)]));
    for (const place of places) $(".plot", place)?.classList.add("busy");
    const now = JSON.stringify(state);
    await Promise.all(
      places.map(async (place, at) => {
        const found = await ask("index", { ...asked(), name: wanted[at], width: inches(place) });
        if (now === JSON.stringify(state)) fillChart(place, found);
      }),
    );
  }

  function fillChart(place, found) {
    const { name, title, points } = found;
    const open = $("details.table", place)?.open;
    if (found.empty) {
      place.replaceChildren(h("h2", {}, title), h("p.quiet", { lang: "en" }, found.empty));
      return;
    }
    const known = points.filter((point) => point.value !== null);
    const move = known.length > 1 ? known.at(-1).smooth - known[0].smooth : null;
    const marks = [
      ...found.shifts.map((one) => ({ day: one.day, kind: "shift", name: words.shift, text: say("shift_text", { day: day(one.day), before: figure(one.before), after: figure(one.after) }) })),
      ...found.alerts.map((one) => ({ day: one.day, kind: "alert", name: day(one.day), text: alerted(one) })).reverse(),
    ];
    const chip = (mark) => h(`button.${mark.kind}`, { type: "button", onclick: (event) => show(name, title, { at: mark.day, last: mark.day }, event.currentTarget) }, h("strong", {}, mark.name), mark.text);
    const rows = points.map((point) => [span(point), figure(point.value), point.low === null ? "–" : `${figure(point.low)} … ${figure(point.high)}`, whole.format(point.n)]);
    place.replaceChildren(
      h(
        "figcaption.head",
        {},
        h("h2", {}, title),
        saves(title, { ...asked(), name }, { [words.png]: "index.png", [words.csv]: "index.csv", [words.rows]: "items.csv" }),
      ),
      h("p.figures", {}, h("span", {}, `${words.latest} `), figure(known.at(-1).smooth), h("span", {}, ` · ${words.change} `), figure(move), h("span", {}, ` · ${counted(found.items)}`)),
      Plot.plot({
        svg: found.svg,
        label: `${words.index}: ${title}. ${words.index_help}`,
        parts: points.map((point) => partOf(point, name, title)),
        pick: (part, from) => show(name, title, part, from),
      }),
      h("div.marks", {}, marks.slice(0, MOST_MARKS).map(chip)),
      ...(marks.length > MOST_MARKS ? [h("details", {}, h("summary", {}, say("more_marks", { n: whole.format(marks.length - MOST_MARKS) })), h("div.marks", {}, marks.slice(MOST_MARKS).map(chip))) ] : []),
      h("details.table", { open }, h("summary", {}, words.as_table), table([words.period_column, words.value, words.band, words.items], rows, title)),
    );
  }

  // The items behind a point

  async function show(name, title, { at, last }, from) {
    await attempt(async () => {
      const found = await ask("items", { name, since: at, until: last });
      const close = () => {
        said.hidden = true;
        from.focus();
      };
      const heading = h("h2", { id: "said-title", tabindex: "-1" }, say("items_of", { name: title, period: span({ first: at, last }) }));
      const item = (one) =>
        h(
          "li",
          {},
          tone(one.score),
          h("p", { lang: "en" }, one.url ? h("a", { href: one.url, rel: "noreferrer noopener", target: "_blank" }, one.text) : one.text),
          h("p.quiet", {}, `${one.source} · ${timed.format(new Date(one.published))} · ${one.ticker}`),
        );
      said.replaceChildren(
        h("div.head", {}, heading, saves(title, { name, since: at, until: last }, { [words.rows]: "items.csv" }), h("button.icon.close", { type: "button", "aria-label": words.close, title: words.close, onclick: close })),
        found.empty ? h("p.quiet", { lang: "en" }, found.empty) : h("p.quiet", {}, found.headlines.length < found.items ? say("items_first", { shown: found.headlines.length, count: found.items }) : counted(found.items)),
        h("ul.said", { tabindex: "0", "aria-label": heading.textContent }, found.headlines.map(item)),
      );
      said.hidden = false;
      heading.focus({ preventScroll: true });
      said.scrollIntoView({ block: "nearest" });
    });
  }

  // The watch list, movers, alerts

  async function drawHeat() {
    const found = await ask("heat", { ...asked(), width: inches(heat) });
    heat.hidden = Boolean(found.empty);
    if (found.empty) return;
    const parts = found.rows.flatMap((row) => row.points.map((point) => partOf(point, row.name, row.title)));
    const rows = found.rows.map((row) => [row.title, ...row.points.map((point) => figure(point.value))]);
    heat.replaceChildren(
      h("figcaption.head", {}, h("h2", {}, words.heat), saves(words.heat, asked(), { [words.png]: "heat.png", [words.csv]: "heat.csv" })),
      Plot.plot({
        svg: found.svg,
        label: `${words.heat}. ${words.heat_help}`,
        parts,
        row: found.rows[0].points.length,
        heat: true,
        pick: (part, from) => show(part.name, part.title, part, from),
      }),
      h("details", {}, h("summary", {}, words.as_table), table([words.company, ...found.rows[0].points.map(span)], rows, words.heat)),
    );
  }

  async function drawMovers() {
    const found = await ask("movers", asked());
    const rows = found.moves.map((move) => [
      h("button", { type: "button", onclick: (event) => show(move.name, move.title, { at: found.after.first, last: found.after.last }, event.currentTarget) }, move.title),
      figure(move.before),
      figure(move.after),
      figure(move.change),
      move.clear ? h("span.badge.warn", {}, words.clear) : "",
    ]);
    movers.replaceChildren(
      h("div.head", {}, h("h2", { id: "movers-title" }, words.movers), rows.length > 0 ? saves(words.movers, asked(), { [words.png]: "movers.png", [words.csv]: "movers.csv" }) : null),
      h("p.quiet", {}, rows.length > 0 ? say("movers_means", { period: span(found.after) }) : words.movers_none),
      rows.length > 0 ? table([words.company, words.before, words.after, words.moved, ""], rows, words.movers) : "",
    );
  }

  async function drawAlerts() {
    const { alerts: fired } = await ask("alerts", asked());
    const item = (one) => h("li", {}, h("strong", {}, one.title), h("span.quiet", {}, day(one.day)), one.kind === "fired" ? h("span.badge.warn", {}, words.fired) : null, h("span", {}, alerted(one)));
    alerts.replaceChildren(h("div.head", {}, h("h2", { id: "alerts-title" }, words.alerts), fired.length > 0 ? saves(words.alerts, asked(), { [words.csv]: "alerts.csv" }) : null), h("p.quiet", {}, fired.length > 0 ? words.alerts_means : words.alerts_none), fired.length > 0 ? h("ul.fired", {}, fired.map(item)) : "");
  }

  function drawVolatility() {
    const answer = h("div", { role: "status" });
    const compute = h("button.secondary", { type: "button", onclick: work }, words.volatility_ask);
    async function work() {
      compute.disabled = true;
      await attempt(async () => {
        const found = await ask("volatility", asked());
        const rows = (found.rows ?? []).map((one) => [one.name, thousandth.format(one.with), thousandth.format(one.without), one.p < 0.001 ? "< 0.001" : thousandth.format(one.p), whole.format(one.sessions)]);
        const heads = [words.company, words.r2_with, words.r2_without, words.p_value, words.sessions];
        answer.replaceChildren(
          h("p.answer", { lang: "en" }, found.empty || found.sentence),
          ...(found.empty ? [] : [table(heads, rows, words.volatility), saves(words.volatility, asked(), { [words.csv]: "volatility.csv" })]),
        );
      });
      compute.disabled = false;
    }
    volatility.replaceChildren(
      h("div.head", {}, h("h2", { id: "volatility-title" }, words.volatility), facts.prices ? compute : null),
      h("p.quiet", {}, facts.prices ? words.volatility_means : say("volatility_none", { columns: facts.price_columns.join(", ") })),
      answer,
    );
  }

  // Looking

  async function draw() {
    drawn = { stamp: facts.stamp, at: Date.now() };
    for (const view of views) view.hidden = facts.items === 0;
    nothing.hidden = facts.items > 0 || facts.version === null;
    if (facts.items === 0) return;
    // One after another: what stands above comes first.
    for (const part of [drawCharts, drawHeat, drawMovers, drawAlerts]) await part();
  }

  let controls = null;
  function place() {
    const made = Choose.controls(facts, facts.span, (next) => {
      state = next;
      attempt(draw);
    });
    ({ state } = made);
    controls?.remove();
    controls = made.element;
    main.prepend(controls);
  }

  async function look(now = false) {
    const before = facts;
    facts = await ask("facts");
    drawNotice();
    if (facts.span === null) return draw();
    const moved = JSON.stringify([before.span, before.companies]) !== JSON.stringify([facts.span, facts.companies]);
    if (controls === null || moved) {
      place();
      drawVolatility();
    }
    // While items stream in, the pictures follow at a pace at which they can be read.
    if (facts.stamp !== drawn.stamp && (now || Date.now() - drawn.at > DRAW_MS)) await draw();
  }

  drawNotice();
  every(LOOK_MS, () => look());
})();
