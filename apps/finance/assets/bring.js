/* Files of the person's own: dropped or chosen, sent in pieces, read by the server row by row. */
"use strict";
const Bring = (() => {
  const { words, h, Problem } = Console;
  const PIECE = 500_000;

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = new Intl.NumberFormat(words.tag, { style: "percent" });

  async function post(path, body) {
    // A person waits here: when too much came at once, the rest comes later.
    for (;;) {
      const response = await fetch(`/analyst/api/${path}`, { method: "POST", body, headers: { "X-Switchboard": "console" } });
      if (response.ok) return response;
      const { error } = await response.json();
      const seconds = Number(response.headers.get("Retry-After"));
      if (response.status !== 429 || !seconds) throw new Problem(response.status, error, seconds);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }

  /* Send a file and have it read; ``tell(text, share)`` hears how far it is, the share null where it is not known.
     Returns what became of it. */
  async function bring(file, tell) {
    const name = encodeURIComponent(file.name);
    let upload = "";
    for (let sent = 0; sent === 0 || sent < file.size; sent += PIECE) {
      tell(say("sending", { name: file.name, percent: percent.format(sent / Math.max(1, file.size)) }), sent / file.size);
      const answer = await post(`files?name=${name}&upload=${upload}&offset=${sent}`, file.slice(sent, sent + PIECE));
      ({ upload } = await answer.json());
    }
    const answer = await post(`files/${upload}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("The answer has no end.");
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines.map(JSON.parse)) {
        if (line.error) throw new Problem(400, line.error);
        if (line.report) return line.report;
        tell(say("taking", { name: file.name, rows: line.rows.toLocaleString(words.tag) }), line.share);
      }
    }
  }

  /* The section of the page; ``changed`` is called when something was brought. */
  function section(allowed, changed) {
    const progress = h("div.progress", { role: "progressbar", "aria-label": words.bring, "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, h("i", {}));
    const brought = h("div.brought", { role: "status" });
    const choose = h("input", { type: "file", accept: ".csv,.tsv,.jsonl,.ndjson,.parquet,.gz,.xml,.rss,.atom", onchange: () => take([...choose.files]) });
    const drop = h("label.drop", {}, h("strong", {}, words.drop), h("span.quiet", {}, words.or_choose), choose);
    let busy = false;

    function tell(text, share) {
      const part = Math.round(100 * (share ?? 0));
      brought.replaceChildren(h("p", {}, text));
      progress.setAttribute("aria-valuenow", part);
      progress.firstChild.style.width = `${part}%`;
    }

    async function take(files) {
      if (busy || files.length === 0) return;
      busy = true;
      progress.hidden = false;
      const lines = [];
      for (const file of files) {
        try {
          const found = await bring(file, tell);
          lines.push(h("p", {}, say("taken", found)));
          const names = Object.entries(found.unknown).map(([ticker, count]) => `${ticker} (${count})`);
          if (names.length > 0) lines.push(h("p.quiet", {}, say("unknown", { tickers: names.join(", ") })));
        } catch (error) {
          lines.push(h("p", {}, `${file.name}: ${error instanceof Problem ? error.message : words.lost}`));
        }
      }
      brought.replaceChildren(...lines);
      progress.hidden = true;
      choose.value = "";
      busy = false;
      changed();
    }

    for (const kind of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", kind === "dragover");
        if (kind === "drop") take([...event.dataTransfer.files]);
      });
    }
    return h(
      "section.bring",
      { "aria-labelledby": "bring-title" },
      h("h2", { id: "bring-title" }, words.bring),
      h("p.quiet", {}, words.bring_means),
      ...(allowed ? [drop, progress, brought] : [h("p.answer", {}, words.may_not, " ", h("a", { href: "/console" }, words.sign_in))]),
    );
  }

  return { section };
})();
