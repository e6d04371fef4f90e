/* The tab Inbox: lists on the left, the open conversation on the right, asked for anew every second. The open
   conversation's id stands in the address, so that a reload and a link lead to it. */
"use strict";
(() => {
  const { $, words, user, apps, Problem, api, h, cleaned, fill, every, tell, attempt, keys, since, moment, count } = Console;
  const POLL_MS = 1000;
  const narrow = matchMedia("(max-width: 44rem)");
  const main = $("#main");
  const titles = new Map(apps.map((app) => [app.name, app.title]));
  let open = "";
  let last = 0;
  let talk = null;
  let waitingBefore = null;

  // The page's parts

  const section = (name) =>
    h("section", { "aria-labelledby": `list-${name}` }, h("h2.label", { id: `list-${name}` }, words[name], h("span")), h("ul", { id: `rows-${name}` }));
  const withBot = h("details", {}, h("summary", {}, words.show_with_bot), section("with_bot"));
  const none = h("p.quiet", {}, words.none_waiting);
  const lists = h("nav.lists", { "aria-label": words.lists }, section("waiting"), none, section("mine"), section("others"), withBot);

  const state = h("p.state", {});
  const take = h("button.primary", { type: "button", onclick: () => act("take", words.taken) }, words.take, h("kbd", {}, "t"));
  const giveBack = h("button.secondary", { type: "button", onclick: () => note.showModal() }, words.give_back, h("kbd", {}, "b"));
  const back = h("button.icon.back", { type: "button", "aria-label": words.back_to_list, onclick: () => show("") });
  const log = h("div.log", { role: "log", "aria-live": "polite", "aria-label": words.conversation, tabindex: "0" });
  const box = h("textarea", { rows: "1", "aria-label": words.message, placeholder: words.message, name: "text" });
  const composer = h("form.composer", {}, box, h("button.primary", { type: "submit" }, words.send));
  const facts = h("dl", {});
  const about = h("aside", { "aria-label": words.summary }, h("details", { open: !narrow.matches }, h("summary.label", {}, words.summary), facts));
  const heading = h("h2", {});
  const conversation = h(
    "section.talk",
    { "aria-label": words.conversation },
    h("header", {}, back, h("div", {}, heading, state), h("div.acts", {}, take, giveBack)),
    h("div.body", {}, h("div.column", {}, log, composer), about),
  );
  const nothing = h("div.empty", {}, h("strong", {}, words.nothing_open), h("span", {}, words.nothing_open_means));

  const noteBox = h("textarea.field", { id: "note", rows: "4", maxlength: "1000", placeholder: words.note_placeholder });
  const note = h(
    "dialog.note",
    { "aria-labelledby": "note-label" },
    h(
      "form",
      { method: "dialog" },
      h("h2", {}, words.give_back),
      h("label", { id: "note-label", for: "note" }, words.note),
      noteBox,
      h("div.actions", {}, h("button.secondary", { type: "button", onclick: () => note.close() }, words.cancel), h("button.primary", { type: "submit" }, words.give_back)),
    ),
  );
  main.append(lists, nothing, conversation, note);

  // Lists

  function row(item) {
    const mine = item.operator === user.name;
    const when = item.operator ? item.taken_at : (item.asked_at ?? item.updated_at);
    return h(
      "li",
      {},
      h(
        "button.row",
        { type: "button", "aria-current": item.open ? "true" : null, onclick: () => show(item.conversation_id) },
        h(
          "span.top",
          {},
          h("strong", {}, titles.get(item.app) ?? item.app),
          item.operator && !mine ? h("span.badge", {}, item.operator) : null,
          mine && item.last_role === "user" ? h("span.badge.warn", {}, words.your_turn) : null,
          h("span.since", { "data-since": when, "data-words": item.asked_at && !item.operator ? "waits_since" : "used_since" }),
        ),
        h("span.beginning", {}, item.last_text),
      ),
    );
  }

  function drawLists(found) {
    const groups = {
      waiting: found.waiting,
      mine: found.held.filter((item) => item.operator === user.name),
      others: found.held.filter((item) => item.operator !== user.name),
      with_bot: found.with_bot,
    };
    for (const [name, items] of Object.entries(groups)) {
      const shown = items.map((item) => ({ ...item, open: item.conversation_id === open }));
      fill($(`#rows-${name}`), shown, (item) => item.conversation_id, row);
      $(`#list-${name} span`).textContent = items.length > 0 ? ` ${items.length}` : "";
      $(`#list-${name}`).parentElement.hidden = items.length === 0;
    }
    none.hidden = found.waiting.length > 0;
    for (const place of lists.querySelectorAll("[data-since]")) {
      place.textContent = words[place.dataset.words].replace("{time}", since(place.dataset.since));
    }
    count("inbox", found.waiting.length);
    const ids = new Set(found.waiting.map((item) => item.conversation_id));
    if (waitingBefore && [...ids].some((id) => !waitingBefore.has(id))) tell(words.new_waiting);
    waitingBefore = ids;
  }

  // The open conversation

  function message(said) {
    const by = { user: words.customer, bot: words.bot }[said.by] ?? (said.by === user.name ? words.you : said.by);
    const judged = said.judged ? h(`span.badge.${said.judged === "up" ? "good" : "warn"}`, {}, words[`judged_${said.judged}`]) : null;
    const sources = said.sources.length > 0 ? h("p.quiet", {}, `${words.sources}: ${said.sources.join(", ")}`) : null;
    return h(
      `article.said.by-${said.kind}`,
      {},
      h("p.by", {}, h("strong", {}, by), moment(said.created_at), judged),
      h("div.words", {}, said.html === null ? said.text : cleaned(said.html)),
      sources,
    );
  }

  const fact = (term, ...values) => [h("dt", {}, term), h("dd", {}, ...values)];

  function drawAbout() {
    const { summary, notes } = talk;
    const found = [];
    const list = (items) => h("ul", {}, items.map((item) => h("li", {}, item)));
    if (summary) {
      found.push(fact(words.reason, h("span", { lang: "en" }, summary.reason)));
      if (summary.wishes.length > 0) found.push(fact(words.wishes, list(summary.wishes)));
      const known = Object.entries(summary.slots).map(([slot, value]) => [`${slot.replaceAll("_", " ")}: `, h("strong", {}, value)]);
      if (known.length > 0) found.push(fact(words.known, list(known)));
      const moods = Object.entries(summary.moods).map(([mood, times]) => h("span.badge", {}, `${words[`feeling_${mood}`]} ${times}`));
      if (moods.length > 0) found.push(fact(words.moods, ...moods));
    }
    const earlier = notes.map((one) => [`${one.note} `, h("span.quiet", {}, `${one.operator}, `, moment(one.returned_at))]);
    if (earlier.length > 0) found.push(fact(words.notes, list(earlier)));
    facts.replaceChildren(...found.flat());
    about.hidden = found.length === 0;
  }

  function drawTalk(found) {
    const { messages, ...rest } = found;
    const before = JSON.stringify(talk);
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    talk = rest;
    const fresh = messages.filter((said) => said.number > last);
    log.append(...fresh.map(message));
    if (fresh.length > 0) last = fresh.at(-1).number;
    if (JSON.stringify(talk) !== before) {
      const mine = talk.operator === user.name;
      heading.textContent = titles.get(talk.app) ?? talk.app;
      const held = mine ? words.is_mine : words.held_by.replace("{name}", talk.operator);
      state.textContent = { bot: words.is_with_bot, waiting: words.is_waiting, person: held }[talk.holder];
      take.hidden = talk.holder === "person";
      take.title = words.take_means;
      giveBack.hidden = talk.holder !== "person" || !(mine || user.role === "admin");
      composer.hidden = !mine;
      drawAbout();
    }
    if (fresh.length > 0 && (atEnd || fresh.some((said) => said.by === user.name))) log.scrollTop = log.scrollHeight;
  }

  function show(id) {
    if (id === open) return;
    open = id;
    last = 0;
    talk = null;
    log.replaceChildren();
    box.value = "";
    history.replaceState(null, "", id ? `#${encodeURIComponent(id)}` : location.pathname);
    main.toggleAttribute("data-open", id !== "");
    conversation.hidden = id === "";
    nothing.hidden = id !== "";
    poll();
  }

  async function act(what, told, body) {
    const id = open;
    const done = await attempt(() => api(`conversations/${encodeURIComponent(id)}/${what}`, { method: "POST", body }));
    await poll();
    if (!done) return false;
    if (told) tell(told);
    if (what === "take") box.focus();
    return true;
  }

  async function refresh() {
    const id = open;
    const [found, opened] = await Promise.all([
      api(`inbox?with_bot=${withBot.open}`, { byItself: true }),
      id ? conversationOf(id) : null,
    ]);
    // The person may have opened another one meanwhile.
    if (id === open && id) opened ? drawTalk(opened) : show("");
    drawLists(found);
  }

  async function conversationOf(id) {
    try {
      return await api(`conversations/${encodeURIComponent(id)}?after=${last}`, { byItself: true });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      tell(words.gone);
      return null;
    }
  }

  // What the person does

  composer.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value;
    if (!text.trim()) return;
    box.value = "";
    grow();
    // What was not sent is not lost.
    if (!(await act("say", "", { text })) && box.value === "") box.value = text;
    box.focus();
  });

  function grow() {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight + 2, 180)}px`;
  }

  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") log.focus();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  note.addEventListener("submit", async () => {
    if (await act("give-back", words.given_back, { note: noteBox.value })) noteBox.value = "";
  });
  withBot.addEventListener("toggle", () => poll());

  function step(by) {
    const rows = [...lists.querySelectorAll(".row")].filter((element) => element.offsetParent !== null);
    const at = rows.findIndex((element) => element.hasAttribute("aria-current"));
    const next = rows[at === -1 ? 0 : at + by];
    next?.click();
    next?.focus();
  }

  keys({
    j: () => step(1),
    k: () => step(-1),
    t: () => open && !take.hidden && take.click(),
    b: () => open && !giveBack.hidden && giveBack.click(),
    r: () => composer.hidden || box.focus(),
    Escape: () => show(""),
  });

  conversation.hidden = true;
  const poll = every(POLL_MS, refresh);
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked) show(asked);
})();
