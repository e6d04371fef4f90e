/* The tab Review: a list on the left, what is to be decided on the right. A decision is sent at once and the next entry
   shown without waiting; what the server refuses is told and comes back. App and section stand in the address. */
"use strict";
(() => {
  const { $, words, user, apps, Problem, api, h, fill, every, tell, attempt, keys, pick } = Console;
  const { said, titleOf, choices, confirmed } = ReviewCase;
  const POLL_MS = 4000;
  const SECTIONS = ["queue", "wishes", "labels", "disputed"];
  // Entries after the open one whose conversations are fetched before they are asked for.
  const AHEAD = 2;
  const main = $("#main");

  let app = apps[0].name;
  let section = "queue";
  let intents = [];
  let found = null; // what the server said last of this section
  let open = null;
  let kept = []; // entries that stay though the server has them no more: undone, or noted and still open
  let notes = [];
  const decided = new Set();
  let done = []; // what this page did: { app, section, entry, note, saved: promise of review ids }
  let uncounted = []; // what the server's count may not have yet: { count, known }
  let opened = new Map(); // of a reply's id, the promise of its conversation

  const idOf = (entry) => `${app} ${section} ${entry.key}`;

  // The page's parts

  const chooser = h("select.field", { "aria-label": words.app_choice, onchange: () => go(chooser.value, "queue") }, apps.map((one) => h("option", { value: one.name }, one.title)));
  const segments = h("div.segments", { role: "group", "aria-label": words.lists }, SECTIONS.map((name) => h("button", { type: "button", "data-section": name, onclick: () => go(app, name) }, words[`section_${name}`], h("span"))));
  const means = h("p.quiet", {});
  const rows = h("ul.rows", {});
  const state = h("p.quiet.state", { role: "status" });
  const total = h("strong", {});
  const each = h("span.quiet", {});
  const recent = h("ul", {});
  const undoButton = h("button.secondary", { type: "button", onclick: undo }, words.undo, h("kbd", {}, "u"));
  const helpButton = h("button.secondary", { type: "button", onclick: ReviewCase.showKeys }, words.help, h("kbd", {}, "?"));
  const lists = h(
    "nav.lists",
    { "aria-label": words.lists },
    h("div.top", {}, apps.length > 1 ? chooser : null, segments, means),
    h("div.scroll", {}, rows, state),
    h("div.day", {}, h("p", {}, `${words.today} `, total, " ", each), h("details", {}, h("summary", {}, words.recent), recent), h("div.acts", {}, undoButton, helpButton)),
  );
  const panel = h("section.case", { "aria-label": words.decision, tabindex: "-1" });
  main.append(lists, panel);

  // The list

  function listed() {
    const all = [...kept, ...(found?.entries ?? [])];
    const keys = new Set();
    return all.filter((entry) => !decided.has(idOf(entry)) && !keys.has(entry.key) && keys.add(entry.key));
  }

  function draw() {
    const all = listed();
    fill(rows, all.map((entry) => ({ ...entry, open: entry.key === open?.key })), (entry) => entry.key, (entry) => ReviewCase.row(entry, () => show(entry, true)));
    for (const button of segments.children) button.setAttribute("aria-pressed", String(button.dataset.section === section));
    $('[data-section="disputed"] span', segments).textContent = found?.disputed ? ` ${found.disputed}` : "";
    means.textContent = words[`means_${section}`];
    const none = found !== null && !found.working && all.length === 0;
    state.textContent = none ? words[`none_${section}`] : all.length === 0 ? words.working : "";
    state.classList.toggle("none", none);
    drawDay();
    const nothing = () => h("div.empty", {}, h("strong", {}, words[`none_${section}`]), h("span", {}, words.none_means));
    if (!open) panel.replaceChildren(none ? nothing() : "");
  }

  function drawDay() {
    if (!found) return;
    const counts = new Map(found.progress.map((one) => [one.reviewer, one.count]));
    const mine = uncounted.reduce((sum, one) => sum + one.count, counts.get(user.name) ?? 0);
    if (mine > 0 || counts.has(user.name)) counts.set(user.name, mine);
    total.textContent = [...counts.values()].reduce((sum, one) => sum + one, 0);
    each.textContent = [...counts].map(([name, number]) => `${name} ${number}`).join(", ");
    fill(recent, found.recent, (review) => review.id, ReviewCase.done);
  }

  // The open entry

  function actions(entry) {
    const act = (key, label, work, kind = "secondary") => h(`button.${kind}`, { type: "button", onclick: work }, label, h("kbd", {}, key));
    const confirm = confirmed(entry);
    const several = section === "wishes";
    const about = entry.message_ids?.length === 1;
    return h(
      "div.actions",
      {},
      confirm ? act("⏎", confirm.verdict === "out_of_scope" ? words.confirm_outside : `${words.confirm}: ${titleOf(confirm.intent)}`, confirmOpen, "primary") : null,
      act("n", words.new_intent, newIntent, several ? "primary" : "secondary"),
      act("/", words.other_intent, otherIntent),
      act("o", words.out_of_scope, outOfScope),
      about ? act("p", words.passage, () => passage("document")) : null,
      about ? act("w", words.wrong_passage, () => passage("wrong_document")) : null,
      several ? null : act("s", words.sentiment, sentiment),
      act("j", words.skip, skip),
    );
  }

  function drawCase() {
    const entry = open;
    const chips = h("p.notes", {}, notes.map((note) => h("span.badge.good", {}, `${words.noted}: ${note}`)));
    const context = h("div.context", { role: "region", "aria-label": words.conversation, tabindex: "0" });
    const reasons = (entry.reasons ?? []).map((reason) => h("li", {}, reason));
    panel.replaceChildren(
      h(
        "header",
        {},
        h("button.icon.back", { type: "button", "aria-label": words.back_to_list, onclick: close }),
        h("h2", {}, entry.text ?? said(words.messages_count, entry)),
      ),
      h(
        "div.body",
        {},
        context,
        h(
          "aside",
          { "aria-label": words.decision },
          reasons.length > 0 ? [h("h3.label", {}, words.reasons), h("ul.reasons", { lang: "en" }, reasons)] : null,
          choices(entry).length > 0 ? h("h3.label", {}, entry.kind === "queue" ? words.guesses : words.decision) : null,
          h("div.choices", {}, choices(entry).map((choice, at) => ReviewCase.choiceButton(choice, at, () => choose(at)))),
          chips,
          actions(entry),
        ),
      ),
    );
    if (entry.typical) context.append(h("div.heard", {}, h("h3.label", {}, words.typical), h("ul.typical", {}, entry.typical.map((text) => h("li", {}, text)))));
    if (entry.message_ids?.length === 1) fillContext(entry, context);
    else if (entry.reviews) context.append(h("div.heard", {}, ReviewCase.earlier(entry.reviews)));
  }

  async function fillContext(entry, context) {
    try {
      const told = await conversationOf(entry);
      if (open?.key !== entry.key) return;
      const { conversation, judged, earlier, reading } = ReviewCase;
      const heard = h("div.heard", {}, conversation(told), judged(told.feedback), earlier(told.reviews));
      context.replaceChildren(heard, h("div.read", {}, reading(told)));
    } catch (error) {
      if (!(error instanceof Problem)) tell(words.lost);
      else if (error.status !== 404) tell(error.message);
      else if (open?.key === entry.key) {
        tell(words.gone);
        leave(entry);
      }
    }
  }

  function conversationOf(entry) {
    const [id] = entry.message_ids;
    if (!opened.has(id)) {
      const asked = api(`review/messages/${encodeURIComponent(id)}?app=${encodeURIComponent(app)}`);
      opened.set(id, asked);
      asked.catch(() => opened.delete(id));
    }
    return opened.get(id);
  }

  function show(entry, byHand = false) {
    open = entry;
    notes = [];
    main.toggleAttribute("data-open", entry !== null && (byHand || main.hasAttribute("data-open")));
    draw();
    if (!entry) return;
    drawCase();
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
    const all = listed();
    const at = all.findIndex((one) => one.key === entry.key);
    for (const next of all.slice(at + 1, at + 1 + AHEAD)) {
      // Should it fail, it is asked for again, and told, when it is opened.
      if (next.message_ids?.length === 1) conversationOf(next).catch(() => null);
    }
  }

  function close() {
    main.removeAttribute("data-open");
    $("[aria-current]", rows)?.focus();
  }

  function step(by) {
    const all = listed();
    const at = all.findIndex((entry) => entry.key === open?.key);
    const next = all[at === -1 ? 0 : at + by];
    if (next) show(next);
  }

  /* Take an entry out of the list and show the one that follows. */
  function leave(entry) {
    const before = listed();
    const at = before.findIndex((one) => one.key === entry.key);
    decided.add(idOf(entry));
    kept = kept.filter((one) => one.key !== entry.key);
    show(listed()[at] ?? listed().at(-1) ?? null);
  }

  function back(entry) {
    decided.delete(idOf(entry));
    kept = [entry, ...kept.filter((one) => one.key !== entry.key)];
  }

  // Decisions

  function send(entry, decision) {
    const body = { app, ...(entry.message_ids?.length > 0 ? { message_ids: entry.message_ids } : { text: entry.text }), ...decision };
    for (const id of entry.message_ids ?? []) opened.delete(id);
    const counted = { count: body.message_ids?.length ?? 1, known: false };
    uncounted.push(counted);
    const saved = api("review", { method: "POST", body }).finally(() => (counted.known = true));
    saved.catch(() => (uncounted = uncounted.filter((one) => one !== counted)));
    return saved;
  }

  async function decide(decision) {
    const entry = open;
    if (!entry) return;
    const place = { app, section, entry, note: false, saved: send(entry, decision) };
    done.push(place);
    leave(entry);
    if (!(await attempt(() => place.saved))) {
      done = done.filter((one) => one !== place);
      if (place.app === app && place.section === section) {
        back(entry);
        draw();
        if (!open) show(entry);
      }
    } else if (place.section === "disputed") {
      decided.delete(`${place.app} ${place.section} ${entry.key}`);
    }
    poll();
  }

  /* Something beside the intent, which leaves the entry open. */
  async function note(decision, text) {
    const entry = open;
    const place = { app, section, entry, note: true, saved: send(entry, { verdict: "corrected", ...decision }) };
    done.push(place);
    notes.push(text);
    back(entry);
    drawCase();
    panel.focus({ preventScroll: true });
    if (await attempt(() => place.saved)) return;
    done = done.filter((one) => one !== place);
    if (open?.key !== entry.key) return;
    notes.splice(notes.indexOf(text), 1);
    drawCase();
  }

  async function undo() {
    const own = found?.recent.find((review) => review.reviewer === user.name);
    const last = done.pop() ?? (own ? { app, section, entry: null, saved: Promise.resolve([own.id]) } : null);
    if (!last) return tell(words.nothing_to_undo);
    if (last.app !== app || last.section !== section) go(last.app, last.section);
    if (last.entry) {
      back(last.entry);
      show(last.entry);
    }
    // What was refused is told, and back already.
    const reviews = await last.saved.catch(() => null);
    if (reviews === null) return;
    const gone = await attempt(async () => {
      await api("review/undo", { method: "POST", body: { app: last.app, reviews } });
      uncounted.push({ count: -reviews.length, known: true });
    });
    if (gone) tell(words.undone);
    else if (last.entry && !last.note) decided.add(`${last.app} ${last.section} ${last.entry.key}`);
    draw();
    poll();
  }

  function confirmOpen() {
    const decision = open && confirmed(open);
    if (decision) decide(decision);
    else if (open && section === "wishes") newIntent();
    else if (open) tell(words.nothing_to_confirm);
  }

  function choose(at) {
    const choice = open && choices(open)[at];
    if (choice) decide({ verdict: choice.verdict, intent: choice.intent });
  }

  const outOfScope = () => open && decide({ verdict: "out_of_scope" });

  function skip() {
    // A dispute is not settled by one more who does not know.
    if (section === "disputed") step(1);
    else if (open) decide({ verdict: "skipped" });
  }

  async function otherIntent() {
    if (!open) return;
    const chosen = await pick(words.pick_intent, intents.map(({ name, title }) => ({ name, title, detail: name })));
    if (chosen) decide({ verdict: "corrected", intent: chosen.name });
  }

  async function passage(what) {
    const entry = open;
    if (entry?.message_ids?.length !== 1) return;
    const options = ({ document, title, text, cited }) => ({ document, title, detail: text, badge: cited ? words.cited : null });
    let told = null;
    if (!(await attempt(async () => (told = await conversationOf(entry))))) return;
    const search = async (text) => (await api(`review/passages?app=${encodeURIComponent(app)}&query=${encodeURIComponent(text)}`)).map(options);
    const right = what === "document";
    const chosen = await pick(right ? words.pick_passage : words.pick_wrong_passage, told.offered.map(options), search);
    if (chosen) note({ [what]: chosen.document }, right ? chosen.title : said(words.said_wrong, { document: chosen.title }));
  }

  async function sentiment() {
    if (!open || section === "wishes") return;
    const options = ["negative", "neutral", "positive"].map((name) => ({ name, title: words[name], detail: "" }));
    const chosen = await pick(words.pick_sentiment, options);
    if (chosen) note({ sentiment: chosen.name }, chosen.title);
  }

  function newIntent() {
    if (open) ReviewCase.askIntent(makeIntent);
  }

  async function makeIntent(declared) {
    try {
      await api("review/intents", { method: "POST", body: { app, ...declared } });
    } catch (error) {
      return error instanceof Problem ? error.message : words.lost;
    }
    await attempt(loadIntents);
    tell(words.made);
    decide({ verdict: "corrected", intent: declared.name });
    return "";
  }

  // What the server says

  async function loadIntents() {
    intents = await api(`review/intents?app=${encodeURIComponent(app)}`);
    ReviewCase.name(intents);
  }

  function go(name, part) {
    const other = name !== app;
    app = name;
    section = part;
    found = null;
    kept = [];
    uncounted = [];
    opened = new Map();
    chooser.value = app;
    history.replaceState(null, "", `#${encodeURIComponent(app)}/${section}`);
    main.removeAttribute("data-open");
    if (other) intents = [];
    show(null);
    poll();
  }

  async function refresh() {
    const place = `${app}/${section}`;
    const counted = uncounted.filter((one) => one.known);
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    if (intents.length === 0) await loadIntents();
    const asked = new URLSearchParams({ app, section, since: midnight.toISOString() });
    const told = await api(`review?${asked}`, { byItself: true });
    // The person may have gone elsewhere meanwhile.
    if (place !== `${app}/${section}`) return;
    uncounted = uncounted.filter((one) => !counted.includes(one));
    found = told;
    draw();
    if (!open && listed().length > 0) show(listed()[0]);
  }

  keys({
    Enter: confirmOpen,
    1: () => choose(0),
    2: () => choose(1),
    3: () => choose(2),
    "/": otherIntent,
    o: outOfScope,
    p: () => passage("document"),
    w: () => passage("wrong_document"),
    s: sentiment,
    n: newIntent,
    j: skip,
    " ": skip,
    u: undo,
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    "?": ReviewCase.showKeys,
    Escape: close,
  });

  const [asked, part] = location.hash.slice(1).split("/");
  if (apps.some((one) => one.name === decodeURIComponent(asked))) app = decodeURIComponent(asked);
  if (SECTIONS.includes(part)) section = part;
  chooser.value = app;
  draw();
  const poll = every(POLL_MS, refresh);
})();
