/* The tab Models: what is in service and being trained on top, the versions and one of them beside the champion of its
   time below. The app and the version that is shown stand in the address, so that a reload and a link lead to them. */
"use strict";
(() => {
  const { $, words, user, apps, api, h, fill, every, tell, attempt, since, moment } = Console;
  const POLL_MS = 1000;
  const LOOK_MS = 10_000;
  const main = $("#main");
  const isAdmin = user.role === "admin";
  let app = apps[0]?.name ?? "";
  let overview = null;
  let chosen = "";
  let compared = "";
  let before = null;
  let looked = 0;

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const path = (...parts) => ["models", app, ...parts].map(encodeURIComponent).join("/");
  const readable = (name) => (name === null ? words.out_of_scope : name.replaceAll("_", " "));
  const number = (value, digits = 3) => value.toFixed(digits);
  const signed = (value, digits = 3) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
  const percent = (share) => new Intl.NumberFormat(words.tag, { style: "percent" }).format(share);
  const verdictBadge = (passed) => h(`span.badge.${passed ? "good" : "warn"}`, {}, passed ? words.passed : words.refused);

  function duration(seconds) {
    const [size, unit] = seconds < 90 ? [1, "second"] : seconds < 5400 ? [60, "minute"] : [3600, "hour"];
    return new Intl.NumberFormat(words.tag, { style: "unit", unit, unitDisplay: "short" }).format(Math.ceil(seconds / size));
  }

  // The page's parts

  const choice = h(
    "select.field",
    { "aria-label": words.app_choice, onchange: () => show(choice.value, "") },
    apps.map((one) => h("option", { value: one.name }, one.title)),
  );
  const serves = h("h2", {});
  const news = h("p.quiet", {});
  const back = h("button.secondary.roll-back", { type: "button", onclick: () => ask("rollback", overview.previous) });
  const retrain = h("button.primary.retrain", { type: "button", title: words.retrain_means, onclick: begin }, words.retrain);
  const stop = h("button.secondary.stop", { type: "button", onclick: () => act(path("retraining"), "DELETE") }, words.stop);
  const bar = h("progress", { "aria-label": words.retraining });
  const state = h("span.badge", {});
  const how = h("span.how", {});
  const outcome = h("p.outcome", { lang: "en" });
  const progress = h("div.progress", { hidden: true }, h("div.line", {}, state, how, stop), bar, outcome);
  const strip = h(
    "section.strip",
    { "aria-label": words.retraining },
    h("div.top", {}, apps.length > 1 ? choice : null, h("div.now", {}, serves, news), h("div.acts", {}, isAdmin ? back : null, retrain)),
    progress,
  );

  const rows = h("tbody", {});
  const columns = ["version", "made_at", "made_by", "base", "examples", "held_out", "gate"];
  const heads = columns.map((name) => h(`th${name === "examples" ? ".number" : ""}`, { scope: "col" }, words[name]));
  const actions = isAdmin ? h("td", {}) : null;
  const versions = h(
    "section",
    { "aria-labelledby": "versions-title" },
    h("h2", { id: "versions-title" }, words.versions),
    scrolling(words.versions, h("table.grid", {}, h("thead", {}, h("tr", {}, heads, actions)), rows)),
  );
  const comparison = h("section.comparison", {});
  const moves = h("ol.moves", {});
  const past = h("aside", { "aria-labelledby": "past-title" }, h("h2", { id: "past-title" }, words.history), moves);

  const whyBox = h("textarea.field", { id: "why", rows: "3", maxlength: "500", required: true, placeholder: words.why_placeholder });
  const askTitle = h("h2", { id: "ask-title" });
  const askWarning = h("p.warning", {});
  const askButton = h("button.primary", { type: "submit" });
  const dialog = h(
    "dialog.ask",
    { "aria-labelledby": "ask-title" },
    h(
      "form",
      { method: "dialog" },
      askTitle,
      askWarning,
      h("label", { for: "why" }, words.why),
      whyBox,
      h("div.actions", {}, h("button.secondary", { type: "button", onclick: () => dialog.close() }, words.cancel), askButton),
    ),
  );
  main.append(strip, h("div.columns", {}, h("div.left", {}, versions, comparison), past), dialog);

  /* A table may be wider or longer than its place: it is then moved by keyboard too. */
  function scrolling(label, ...children) {
    return h("div.scroll", { role: "group", "aria-label": label, tabindex: "0" }, ...children);
  }

  function table(label, columns, body) {
    const head = columns.map(([text, kind]) => h(`th${kind ? `.${kind}` : ""}`, { scope: "col" }, text));
    const cells = body.map((row) => h("tr", {}, row.map((cell, at) => h(`td${columns[at][1] ? `.${columns[at][1]}` : ""}`, {}, cell))));
    return scrolling(label, h("table.grid", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, cells)));
  }

  // What is in service, and what is being trained

  function drawNow() {
    serves.textContent = say("serves", { version: overview.serving });
    const parts = [say("new_reviews", { count: overview.new_reviews })];
    if (overview.quick) parts.push(say("quick_learned", { count: overview.quick.reviews }));
    news.textContent = parts.join(" · ");
    back.hidden = overview.previous === null;
    back.textContent = say("roll_back_to", { version: overview.previous });
  }

  function drawTraining(training) {
    const runs = training !== null && training.ended_at === null;
    progress.hidden = training === null;
    retrain.disabled = runs;
    if (training === null) return;
    state.textContent = words[`state_${training.state}`];
    state.className = `badge ${{ done: "good", failed: "warn" }[training.state] ?? ""}`;
    stop.hidden = training.state !== "running";
    bar.hidden = !runs;
    const atEnd = training.total > 0 && training.step === training.total;
    if (training.total > 0 && !atEnd) {
      bar.max = training.total;
      bar.value = training.step;
    } else bar.removeAttribute("value");
    const parts = [];
    if (training.total === 0 && runs) parts.push(words.preparing);
    else if (atEnd && runs) parts.push(words.measuring);
    else if (training.total > 0 && training.state !== "done") parts.push(say("step_of", training));
    if (runs && training.attempt > 1) parts.push(words.second_attempt);
    if (runs && !atEnd && training.rate !== null) {
      parts.push(say("rate", { rate: number(training.rate, 1) }), say("left", { time: duration(training.seconds_left) }));
    }
    parts.push(say("begun_by", { who: training.who, time: since(training.began_at) }));
    how.textContent = parts.join(" · ");
    outcome.textContent = training.reason;
  }

  // Versions

  function row(version) {
    const alias = version.champion ? h("span.badge.good", {}, words.champion) : version.challenger ? h("span.badge", {}, words.challenger) : null;
    const name = say("version_name", { version: version.name });
    const choose = h("button.choose", { type: "button", "aria-pressed": String(version.shown), onclick: () => show(app, version.name) }, name);
    const figures = Object.entries(version.figures).map(([head, value]) => h("span", {}, `${words[`figure_${head}`] ?? head} ${number(value)}`));
    const gate = version.verdict === null ? h("span.quiet", {}, words.not_judged) : verdictBadge(version.verdict.passed);
    const promote = h("button.secondary.promote", { type: "button", onclick: () => ask("promote", version.name) }, words.promote);
    promote.setAttribute("aria-label", say("promote_version", { version: version.name }));
    return h(
      "tr",
      {},
      h("td.name", {}, choose, alias),
      h("td", {}, version.created ? moment(version.created) : "–"),
      h("td", {}, version.who || words.by_itself),
      h("td", {}, version.base === null ? words.from_probes : say("from_version", { version: version.base })),
      h("td.number", {}, version.examples === null ? "–" : String(version.examples)),
      h("td.figures", {}, figures),
      h("td", {}, gate),
      isAdmin ? h("td", {}, version.champion ? null : promote) : null,
    );
  }

  function drawVersions() {
    const items = overview.versions.map((version) => ({
      ...version,
      champion: version.name === overview.champion,
      challenger: version.name === overview.challenger,
      shown: version.name === chosen,
    }));
    fill(rows, items, (version) => version.name, row);
    const list = overview.moves.map((move, at) => ({ ...move, number: overview.moves.length - at }));
    fill(moves, list, (move) => move.number, (move) =>
      h(
        "li",
        {},
        h("strong", {}, say(`move_${move.kind}`, { version: move.after })),
        h("span.quiet", {}, move.who ? `${say("moved_by", move)}, ` : "", moment(move.at)),
        move.why ? h("p", {}, move.why) : null,
      ),
    );
    if (list.length === 0) moves.replaceChildren(h("li.quiet", {}, words.history_none));
  }

  // One version beside the champion of its time

  function drawComparison({ comparison: found, shadow }) {
    if (found === null) {
      comparison.replaceChildren(
        h("div.empty", {}, h("strong", {}, say("no_comparison", { version: chosen })), h("span", {}, words.no_comparison_means)),
      );
      return;
    }
    const [old, now] = found.versions;
    const { passed, reasons } = found.verdict;
    comparison.replaceChildren(
      h("h2", {}, say("side_by_side", { before: old, after: now })),
      h(
        `div.verdict.${passed ? "passed" : "refused"}`,
        {},
        h("strong", {}, passed ? words.verdict_passed : words.verdict_refused),
        h("ul", { lang: "en" }, reasons.map((reason) => h("li", {}, reason))),
      ),
      h("h3", {}, words.overall),
      overall(found, old, now),
      h("h3", {}, words.intents),
      ...intents(found, old, now),
      h("h3", {}, words.confusions),
      ...confusions(found),
      h("h3", {}, words.flipped),
      flipped(found, old, now),
      h("h3", {}, words.shadow),
      ...shadowed(shadow),
    );
  }

  const versionHead = (name) => [say("before", { version: name }), "number"];
  const change = (value, worse) => h(`span.change${worse ? ".worse" : ""}`, {}, value, worse ? h("span.badge.warn", {}, words.worse) : null);

  function overall(found, old, now) {
    const columns = [[words.figure], [words.measured_on], versionHead(old), versionHead(now), [words.difference, "number"], [words.interval, "number"], [words.texts, "number"]];
    const body = found.verdict.comparisons
      .filter((one) => !one.what.startsWith("recall of "))
      .map((one) => [
        words[`what_${one.what.toLowerCase().replace(/\W+/g, "_")}`] ?? one.what,
        words[`set_${one.texts}`],
        number(one.champion),
        number(one.challenger),
        change(signed(one.difference), one.worse),
        say("interval_of", { low: signed(one.low), high: signed(one.high) }),
        String(one.count),
      ]);
    const [slow, fast] = found.latency_ms;
    if (slow !== null && fast !== null) body.push([words.latency, "", number(slow, 1), number(fast, 1), signed(fast - slow, 1), "", ""]);
    return table(words.overall, columns, body);
  }

  function intents(found, old, now) {
    const changed = found.intents.filter((one) => one.before !== one.after);
    const rest = found.intents.length - changed.length;
    if (changed.length === 0) return [h("p.quiet", {}, words.nothing_changed)];
    const columns = [[words.intent], versionHead(old), versionHead(now), [words.difference, "number"], [words.texts, "number"]];
    const body = changed.map((one) => [
      readable(one.intent),
      number(one.before),
      number(one.after),
      h(`span.change.${one.after < one.before ? "down" : "up"}`, {}, signed(one.after - one.before)),
      String(one.texts),
    ]);
    return [table(words.intents, columns, body), rest > 0 ? h("p.quiet", {}, say("intents_same", { count: rest })) : ""];
  }

  function confusions(found) {
    if (found.confusions.length === 0) return [h("p.quiet", {}, words.confusions_none)];
    const order = (name) => [...new Set(found.confusions.map((one) => one[name]))].sort();
    const [trues, predicted] = [order("true"), order("predicted")];
    const cell = (row, column) => {
      const one = found.confusions.find((pair) => pair.true === row && pair.predicted === column);
      return one ? h(`td.${one.after > one.before ? "more" : "fewer"}`, {}, say("cell", one)) : h("td", {});
    };
    const corner = h("th", { scope: "col" }, `${words.true_intent} ↓ ${words.taken_for} →`);
    const matrix = h(
      "table.matrix",
      {},
      h("thead", {}, h("tr", {}, corner, predicted.map((name) => h("th", { scope: "col" }, h("span", {}, readable(name)))))),
      h("tbody", {}, trues.map((name) => h("tr", {}, h("th", { scope: "row" }, readable(name)), predicted.map((other) => cell(name, other))))),
    );
    return [h("p.quiet", {}, words.confusions_mean), scrolling(words.confusions, matrix)];
  }

  function flipped(found, old, now) {
    if (found.flipped.length === 0) return h("p.quiet", {}, words.flipped_none);
    const columns = [[words.change], [words.message], [words.true_intent], [say("before", { version: old })], [say("before", { version: now })]];
    const body = found.flipped.map((one) => [
      h(`span.badge.${one.lost ? "warn" : "good"}`, {}, one.lost ? words.lost : words.gained),
      one.text,
      ...[one.true, one.before, one.after].map(readable),
    ]);
    return table(words.flipped, columns, body);
  }

  function shadowed(shadow) {
    if (shadow.messages === 0) return [h("p.quiet", {}, words.shadow_none)];
    const said = say("shadow_agreed", { messages: shadow.messages, share: percent(shadow.agreed / shadow.messages) });
    if (shadow.differences.length === 0) return [h("p", {}, said)];
    const columns = [[words.message], [words.champion], [words.challenger]];
    const body = shadow.differences.map((one) => [one.text, readable(one.champion), readable(one.challenger)]);
    return [h("p", {}, said), table(words.shadow, columns, body)];
  }

  // What the person does

  async function act(address, method, body, told) {
    const done = await attempt(() => api(address, { method, body }));
    looked = 0;
    await poll();
    if (done && told) tell(told);
    return done;
  }

  function begin() {
    retrain.disabled = true;
    act(path("retraining"), "POST", undefined, words.begun);
  }

  let asked = () => {};
  function ask(move, version) {
    const title = say(move === "promote" ? "promote_version" : "roll_back_to", { version });
    const verdict = overview.versions.find((one) => one.name === version)?.verdict;
    askTitle.textContent = title;
    askButton.textContent = title;
    askWarning.hidden = move !== "promote" || verdict?.passed !== false;
    askWarning.textContent = words.promote_refused;
    asked = () => {
      const why = whyBox.value.trim();
      const address = path(move === "promote" ? "champion" : "rollback");
      return act(address, "POST", move === "promote" ? { version, why } : { why }, say("promoted", { version }));
    };
    dialog.showModal();
  }
  dialog.addEventListener("submit", async () => {
    if (await asked()) whyBox.value = "";
  });
  // The browser's own check lets a reason of blanks pass.
  whyBox.addEventListener("input", () => whyBox.setCustomValidity(whyBox.value.trim() ? "" : words.why_placeholder));

  function show(name, version) {
    if (name !== app) {
      overview = null;
      before = null;
    }
    app = name;
    chosen = version;
    looked = 0;
    poll();
  }

  async function look() {
    const at = app;
    const found = await api(path(), { byItself: true });
    if (at !== app) return;
    overview = found;
    const names = found.versions.map((one) => one.name);
    if (!names.includes(chosen)) {
      chosen = found.challenger ?? found.versions.find((one) => one.verdict !== null)?.name ?? found.champion ?? names[0] ?? "";
    }
    history.replaceState(null, "", `#${encodeURIComponent(app)}/${encodeURIComponent(chosen)}`);
    drawNow();
    drawVersions();
    const wanted = chosen;
    const one = wanted ? await api(path("versions", wanted), { byItself: true }) : null;
    const state = JSON.stringify([at, wanted, one]);
    // Drawn anew only if something changed: a person may be reading it.
    if (one === null || at !== app || wanted !== chosen || state === compared) return;
    compared = state;
    drawComparison(one);
  }

  async function refresh() {
    const at = app;
    const training = await api(path("retraining"), { byItself: true });
    if (at !== app) return;
    const now = training && `${training.began_at} ${training.state}`;
    if (now !== before) {
      if (before !== null && training?.ended_at) {
        tell(words.ended);
        chosen = training.version ?? chosen;
      }
      before = now;
      looked = 0;
    }
    drawTraining(training);
    if (Date.now() - looked >= LOOK_MS) {
      looked = Date.now();
      await look();
    }
  }

  const [name, version] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (apps.some((one) => one.name === name)) {
    app = name;
    choice.value = name;
    chosen = version ?? "";
  }
  const poll = every(POLL_MS, refresh);
})();
