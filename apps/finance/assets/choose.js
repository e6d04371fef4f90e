/* What the page shows: companies and sectors, the period and its step. All of it stands in the address. */
"use strict";
const Choose = (() => {
  const { words, h } = Console;
  const MOST = 6;
  const STEPS = ["day", "week", "month", "quarter"];
  const MONTHS = [1, 3, 6, 12, 0];
  /* How the server is asked for a sector. */
  const SECTOR = (name) => `sector:${name}`;
  const narrow = window.matchMedia("(max-width: 60rem)");

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const iso = (date) => date.toISOString().slice(0, 10);

  /* The first day of the last ``months`` before ``last``; of all days for 0. */
  function before({ first, last }, months) {
    if (months === 0) return first;
    const date = new Date(`${last}T00:00Z`);
    const day = date.getUTCDate();
    date.setUTCMonth(date.getUTCMonth() - months);
    // The 31st of a shorter month would be the first of the next.
    if (date.getUTCDate() !== day) date.setUTCDate(0);
    return iso(date) < first ? first : iso(date);
  }

  /* From the address, as far as it names what there is. */
  function fromAddress(facts, span) {
    const asked = new URLSearchParams(location.hash.slice(1));
    const day = (name, other) => (/^\d{4}-\d\d-\d\d$/.test(asked.get(name) ?? "") ? asked.get(name) : other);
    const known = [...facts.companies.map(({ ticker }) => ticker), ...facts.sectors.map(SECTOR)];
    const show = asked.getAll("show").filter((name) => known.includes(name));
    return {
      show: asked.has("show") ? show.slice(0, MOST) : facts.start,
      since: day("since", before(span, 6)),
      until: day("until", span.last),
      by: STEPS.includes(asked.get("by")) ? asked.get("by") : "week",
    };
  }

  /* The controls; ``changed(state)`` hears of every change. ``span`` {first, last} are the data's own days: its last
     one is what the page calls today. */
  function controls(facts, span, changed) {
    const state = fromAddress(facts, span);
    const named = new Map([...facts.companies.map((one) => [one.ticker, one.name]), ...facts.sectors.map((sector) => [SECTOR(sector), sector])]);
    const boxes = new Map();
    const summary = h("span", {});
    const wrong = h("p.wrong", { role: "alert", hidden: true }, words.wrong_period);

    function pick(name, text, small) {
      const box = h("input", { type: "checkbox", value: name, checked: state.show.includes(name), onchange: () => choose(name, box.checked) });
      boxes.set(name, box);
      return h(`label.pick${small ? "" : ".whole"}`, {}, box, h("span", {}, text), small ? h("small", {}, small) : null);
    }

    function choose(name, on) {
      state.show = state.show.filter((one) => one !== name);
      if (on) state.show.push(name);
      if (state.show.length > MOST) {
        const gone = state.show.shift();
        boxes.get(gone).checked = false;
        Console.tell(say("most", { most: MOST, name: named.get(gone) }));
      }
      told();
    }

    const segments = (label, values, text, act) =>
      h("div.segments", { role: "group", "aria-label": label }, values.map((value) => h("button", { type: "button", value, onclick: () => act(value) }, text(value))));
    const months = segments(words.period, MONTHS, (count) => words[`period_${count}`], (count) => {
      Object.assign(state, { since: before(span, count), until: span.last });
      told();
    });
    const steps = segments(words.granularity, STEPS, (step) => words[`by_${step}`], (step) => {
      state.by = step;
      told();
    });
    const day = (name) =>
      h("input.field", {
        type: "date",
        required: true,
        onchange: (event) => {
          if (event.target.value) state[name] = event.target.value;
          told();
        },
      });
    const [since, until] = [day("since"), day("until")];

    const groups = facts.sectors.map((sector) => {
      const own = facts.companies.filter((one) => one.sector === sector);
      return h("div.sector", { role: "group", "aria-label": sector }, pick(SECTOR(sector), say("sector_index", { sector })), own.map((one) => pick(one.ticker, one.name, one.ticker)));
    });
    const others = facts.companies.filter((one) => !one.sector).map((one) => pick(one.ticker, one.name, one.ticker));
    const element = h(
      "details.choose",
      { open: !narrow.matches },
      h("summary", {}, words.choose, summary),
      h("p.label", {}, words.granularity),
      steps,
      h("p.label", {}, words.period),
      months,
      h("div.days", {}, h("label", {}, words.since, since), h("label", {}, words.until, until)),
      wrong,
      h("p.label", {}, words.watch_list),
      groups,
      others.length > 0 ? h("div.sector", {}, others) : null,
    );
    // What cannot be folded on a wide window must not stay folded in it.
    narrow.addEventListener("change", () => (element.open = !narrow.matches));

    function draw() {
      [since.value, until.value] = [state.since, state.until];
      for (const button of steps.children) button.setAttribute("aria-pressed", String(button.value === state.by));
      for (const button of months.children) {
        const same = state.since === before(span, Number(button.value)) && state.until === span.last;
        button.setAttribute("aria-pressed", String(same));
      }
      summary.textContent = state.show.map((name) => named.get(name)).join(", ");
      wrong.hidden = state.since <= state.until;
    }

    function told() {
      draw();
      if (state.since > state.until) return;
      const parts = [...state.show.map((name) => ["show", name]), ["since", state.since], ["until", state.until], ["by", state.by]];
      if (state.show.length === 0) parts.push(["show", ""]);
      history.replaceState(null, "", `#${new URLSearchParams(parts)}`);
      changed({ ...state });
    }
    draw();
    return { element, state };
  }

  return { controls };
})();
