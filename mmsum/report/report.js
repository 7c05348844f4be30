"use strict";
// Builds what is on screen from the page's JSON blocks. Data reaches the DOM as text nodes and checked attributes only.
(() => {
  const CARDS = 25, FIGURES = 6, ENTRIES = 20;
  const BLANK = { tab: "summaries", q: "", status: "", kind: "", format: "", figures: "", page: "1" };
  const STATUSES = { ok: "ok", partial: "partial", failed: "failed" };
  const FIGURE_FILTERS = {
    with: ["With figures", (row) => row.figures.length > 0],
    shown: ["With figures the model saw", (row) => row.figures.some((f) => f.shown)],
    without: ["Without figures", (row) => row.figures.length === 0],
  };
  const $ = (id) => document.getElementById(id);
  const number = (n) => Number(n || 0).toLocaleString("en-US");
  const plural = (n, thing) => `${number(n)} ${thing}${n === 1 ? "" : "s"}`;

  function groups(list, field) {
    const found = new Map();
    for (const row of list) found.has(row[field]) ? found.get(row[field]).push(row) : found.set(row[field], [row]);
    return [...found].sort((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0]));
  }

  /** An element with attributes (or on… listeners) and children; strings become text nodes, null is left out. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== ""));
    return node;
  }

  // ---- data ----------------------------------------------------------------------------------------------------
  const parse = (script) => JSON.parse(script.textContent);
  const totals = parse(document.querySelector("script.totals"));
  const pictureBlocks = [...document.querySelectorAll("script.pictures")];
  const rows = [...document.querySelectorAll("script.rows")].flatMap((script, block) =>
    parse(script).map((row, at) => Object.assign(row, { block, at })));
  const troubled = rows.filter((row) => row.status !== "ok");
  const noneSeen = totals.figures > 0 && totals.figures_shown === 0;

  const parsedPictures = new Map(); // a block of pictures is parsed when one of them first comes near the screen
  function picture(row, index) {
    if (!parsedPictures.has(row.block)) parsedPictures.set(row.block, parse(pictureBlocks[row.block]));
    return "data:image/webp;base64," + parsedPictures.get(row.block)[row.at][index];
  }

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const wordsOf = (query) => query.trim().split(/\s+/).filter(Boolean);
  function searchable(row) {
    row.folded ??= fold([row.title, row.uri, row.summary, ...row.figures.flatMap((f) => [f.label, f.caption])].join("\n"));
    return row.folded;
  }
  function matching(state) {
    const words = wordsOf(fold(state.q));
    return rows.filter((row) =>
      (!state.status || row.status === state.status) && (!state.kind || row.kind === state.kind) &&
      (!state.format || row.format === state.format) &&
      (!FIGURE_FILTERS[state.figures] || FIGURE_FILTERS[state.figures][1](row)) &&
      words.every((word) => searchable(row).includes(word)));
  }

  // ---- state: lives in the address, so that back, reload and bookmarks work ---------------------------------------
  function state() {
    const given = new URLSearchParams(location.hash.slice(1));
    const now = Object.fromEntries(Object.keys(BLANK).map((key) => [key, given.get(key) ?? BLANK[key]]));
    return now.tab === "failures" ? now : { ...now, tab: "summaries" };
  }
  function go(changes, { replace = false } = {}) {
    const next = { ...state(), page: "1", ...changes };
    const kept = Object.entries(next).filter(([key, value]) => value !== BLANK[key]);
    history[replace ? "replaceState" : "pushState"](null, "", "#" + new URLSearchParams(kept));
    render();
  }

  // ---- cards -----------------------------------------------------------------------------------------------------
  /** Text with the searched words marked. */
  function marked(text, words) {
    if (!words.length) return [text];
    const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
    return text.split(new RegExp(`(${pattern})`, "giu")).map((part, i) => (i % 2 ? el("mark", {}, part) : part));
  }
  function link(href, attributes, ...children) {
    return href ? el("a", { href, target: "_blank", rel: "noopener noreferrer", ...attributes }, ...children)
      : el("span", attributes, ...children);
  }
  const pageLink = (row, page) =>
    link(row.link && row.format === "pdf" ? `${row.link.split("#")[0]}#page=${page}` : "", {}, `page ${number(page)}`);
  const badge = (status) => el("span", { class: `badge ${status}` }, STATUSES[status] ?? status);
  const kindName = (kind) => (kind ? kind[0].toUpperCase() + kind.slice(1).replaceAll("_", " ") : "No reason given");

  function why(row) {
    if (row.status === "ok") return null;
    return el("div", { class: `why ${row.status}` },
      el("p", {}, el("span", { class: "kind" }, kindName(row.kind)), row.failure_message ? ": " : "",
        el("span", { dir: "auto" }, row.failure_message)),
      totals.advice[row.kind] ? el("p", {}, totals.advice[row.kind]) : null);
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((e) => e.isIntersecting)) fill(entry.target);
  }, { rootMargin: "800px" });
  const pending = new Map(); // img -> how to get its picture
  function fill(img) {
    near.unobserve(img);
    if (pending.has(img)) img.src = pending.get(img)();
    pending.delete(img);
  }
  addEventListener("beforeprint", () => [...pending.keys()].forEach(fill));

  function figureItem(row, figure, index, words) {
    const name = figure.label || `${figure.kind || "figure"} on page ${figure.page}`;
    let plate = el("div", { class: "plate none" }, "No picture kept");
    if (figure.width) {
      const img = el("img", { width: figure.width, height: figure.height, alt: figure.caption || name, decoding: "async" });
      pending.set(img, () => picture(row, index));
      near.observe(img);
      plate = el("button", { type: "button", class: "plate", "aria-label": `Enlarge ${name}`,
        onclick: () => zoom(row, figure, index, name) }, img);
    }
    return el("li", {}, el("figure", {}, plate, el("figcaption", {},
      el("strong", { dir: "auto" }, ...marked(figure.label, words)), figure.label && figure.caption ? " " : "",
      el("span", { class: "caption", dir: "auto" }, ...marked(figure.caption, words)),
      el("span", { class: "where" }, pageLink(row, figure.page),
        figure.shown ? " · seen by the model" : row.figures.some((f) => f.shown) ? " · not seen by the model" : ""))));
  }
  function figures(row, words) {
    if (!row.figures.length) return null;
    const items = (from, to) => row.figures.slice(from, to).map((f, i) => figureItem(row, f, from + i, words));
    const widest = Math.max(...row.figures.map((f) => f.width));
    const list = el("ul", { class: widest > 240 ? "figures" : "figures small" }, ...items(0, FIGURES));
    const left = row.figures.length - FIGURES;
    const more = left <= 0 ? null : el("button", { type: "button", class: "plain more", onclick: (event) => {
      const added = items(FIGURES);
      list.append(...added);
      event.currentTarget.remove();
      added[0].querySelector("button, a")?.focus();
    } }, `Show ${plural(left, "more figure")}`);
    return [list, more].filter(Boolean);
  }

  function facts(row) {
    const of = (read, all, thing) => (read || all) ? `${number(read)} of ${plural(all, thing)} read` : "";
    const parts = [of(row.pages_read, row.pages_total, "page"), of(row.tokens_read, row.tokens_total, "token"),
      row.figures.length ? plural(row.figures.length, "figure") : "", row.format, row.language,
      row.attempts > 1 ? plural(row.attempts, "attempt") : "", row.seconds ? `${row.seconds} s` : ""];
    return el("ul", { class: "facts", "aria-label": "Facts" }, parts.filter(Boolean).map((part) => el("li", {}, part)));
  }

  function card(row, words) {
    const unseen = row.summary && row.figures.length && !noneSeen && !row.figures.some((f) => f.shown);
    return el("article", { class: "card", "aria-labelledby": `t-${row.block}-${row.at}` },
      el("header", {}, el("h2", { dir: "auto", id: `t-${row.block}-${row.at}` }, ...marked(row.title, words)), badge(row.status)),
      el("p", { class: "uri" }, link(row.link, { dir: "ltr" }, ...marked(row.uri, words))),
      row.summary ? el("p", { class: "text", dir: "auto", lang: row.language || null }, ...marked(row.summary, words)) : null,
      why(row),
      unseen ? el("p", { class: "aside" }, "Its figures were not seen by a trained fusion.") : null,
      figures(row, words) ?? "", facts(row));
  }

  function zoom(row, figure, index, name) {
    const dialog = $("zoom");
    const img = el("img", { src: picture(row, index), alt: figure.caption || name });
    img.style.width = `${Math.round(figure.width * 1.6)}px`; // a thumbnail: further enlarging shows nothing more
    dialog.setAttribute("aria-label", name);
    dialog.replaceChildren(img,
      el("figcaption", {}, el("strong", { dir: "auto" }, figure.label), " ",
        el("span", { class: "caption", dir: "auto" }, figure.caption), el("span", { class: "where" }, pageLink(row, figure.page))),
      el("button", { type: "button", class: "plain close", onclick: () => dialog.close() }, "Close"));
    dialog.showModal();
  }
  $("zoom").addEventListener("click", (event) => event.target === $("zoom") && $("zoom").close());

  // ---- failures ----------------------------------------------------------------------------------------------------
  function entry(row) {
    return el("li", {}, el("header", {}, link(row.link, { dir: "auto" }, row.title), badge(row.status)),
      row.title === row.uri ? null : el("p", { class: "uri", dir: "ltr" }, row.uri),
      row.failure_message ? el("p", { class: "message", dir: "auto" }, row.failure_message) : null,
      row.attempts > 1 ? el("p", { class: "uri" }, plural(row.attempts, "attempt")) : null);
  }
  function group(kind, members) {
    const counts = Object.keys(STATUSES).map((s) => [members.filter((row) => row.status === s).length, s]);
    const retryable = members.filter((row) => row.retryable).length;
    if (retryable) counts.push([retryable, "worth another attempt"]);
    const list = el("ul", {});
    const more = el("button", { type: "button", class: "plain", onclick: () => extend() });
    const extend = () => {
      const shown = list.children.length;
      list.append(...members.slice(shown, shown + ENTRIES).map(entry));
      const left = members.length - list.children.length;
      more.textContent = `Show ${number(Math.min(left, ENTRIES))} more of ${number(left)}`;
      more.hidden = left <= 0;
    };
    extend();
    return el("section", { class: "group", "aria-label": kindName(kind) },
      el("header", {}, el("h2", {}, kindName(kind)),
        el("span", { class: "count" }, counts.filter(([n]) => n).map(([n, s]) => `${number(n)} ${s}`).join(" · "))),
      totals.advice[kind] ? el("p", {}, totals.advice[kind]) : null,
      list, el("div", { class: "actions" }, more,
        kind ? el("button", { type: "button", class: "plain", onclick: () => go({ ...BLANK, kind }) }, "Open as summaries") : null));
  }
  function buildFailures() {
    const all = groups(troubled, "kind").map(([kind, members]) => group(kind, members));
    $("failures").replaceChildren(...all.length ? all : [el("p", { class: "empty" }, "No failures: every document was read to its end.")]);
  }

  // ---- the page --------------------------------------------------------------------------------------------------
  function buildHeader() {
    const stat = (n, name, kind = "") => el("div", { class: n ? kind : "none" }, el("dt", {}, name), el("dd", {}, number(n)));
    const bar = el("div", { class: "bar", "aria-hidden": "true" });
    for (const status of Object.keys(STATUSES).filter((s) => totals[s])) {
      const part = el("i", { class: status });
      part.style.flexGrow = totals[status];
      bar.append(part);
    }
    $("totals").append(el("dl", { class: "stats" }, stat(totals.documents, "documents"), stat(totals.ok, "ok", "ok"),
      stat(totals.partial, "partial", "partial"), stat(totals.failed, "failed", "failed"),
      stat(totals.pages, "pages read"), stat(totals.figures, "figures")), bar);
    $("unseen").hidden = !noneSeen;
    $("tab-summaries").append(" ", el("span", { class: "n" }, number(rows.length)));
    $("tab-failures").textContent = totals.partial ? "Failures and partials" : "Failures";
    $("tab-failures").append(" ", el("span", { class: "n" }, number(troubled.length)));
  }

  const form = document.querySelector("form.controls");
  function buildFilters() {
    const options = (name, all, values) => {
      form[name].append(el("option", { value: "" }, all), ...values.map(([value, label]) => el("option", { value }, label)));
      form[name].closest("label").hidden = values.length < (name === "kind" || name === "figures" ? 1 : 2);
    };
    const counted = (field, name) => groups(rows.filter((row) => row[field]), field)
      .map(([value, all]) => [value, `${name(value)} (${number(all.length)})`]);
    options("status", "Any", counted("status", (value) => value));
    options("kind", "Any", counted("kind", kindName));
    options("format", "Any", counted("format", (value) => value));
    options("figures", "Any", Object.entries(FIGURE_FILTERS)
      .map(([value, [label, test]]) => [value, label, rows.filter(test).length])
      .filter(([, , n]) => n > 0 && n < rows.length).map(([value, label, n]) => [value, `${label} (${number(n)})`]));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => event.target.name !== "q" && go({ [event.target.name]: event.target.value }));
    let typing;
    form.q.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => go({ q: form.q.value }, { replace: true }), 150);
    });
    $("clear").addEventListener("click", () => { go(BLANK); form.q.focus(); });
  }

  function turn(page) {
    go({ page: String(page) });
    $("cards").focus({ preventScroll: true });
    $("summaries").scrollIntoView();
  }
  function pageButtons(page, last) {
    const near = [1, last, page - 1, page, page + 1].filter((p) => p >= 1 && p <= last);
    const wanted = [...new Set(near)].sort((a, b) => a - b);
    const button = (label, target, extra = {}) =>
      el("button", { type: "button", onclick: () => turn(target), disabled: target < 1 || target > last ? "" : null, ...extra }, label);
    const numbered = wanted.flatMap((p, i) => [
      i && p > wanted[i - 1] + 1 ? el("span", { "aria-hidden": "true" }, "…") : null,
      button(number(p), p, { "aria-label": `Page ${p}`, "aria-current": p === page ? "page" : null })]);
    return last < 2 ? [] : [button("Previous", page - 1), ...numbered.filter(Boolean), button("Next", page + 1)];
  }

  function render() {
    const now = state();
    for (const name of ["summaries", "failures"]) {
      const selected = now.tab === name;
      $(name).hidden = !selected;
      $(`tab-${name}`).setAttribute("aria-selected", selected);
      $(`tab-${name}`).tabIndex = selected ? 0 : -1;
    }
    if (now.tab === "failures") {
      if (!$("failures").hasChildNodes()) buildFailures();
      return;
    }
    for (const name of ["q", "status", "kind", "format", "figures"]) if (form[name].value !== now[name]) form[name].value = now[name];
    const found = matching(now);
    const last = Math.max(1, Math.ceil(found.length / CARDS));
    const page = Math.min(Math.max(1, Number.parseInt(now.page, 10) || 1), last);
    const first = (page - 1) * CARDS;
    const words = wordsOf(now.q);
    near.disconnect();
    pending.clear();
    $("cards").replaceChildren(...found.slice(first, first + CARDS).map((row) => card(row, words)));
    if (!found.length) $("cards").append(el("p", { class: "empty" }, rows.length ? "No document matches." : "There are no documents."));
    const all = found.length === rows.length;
    const range = last > 1 ? `${number(first + 1)} to ${number(Math.min(first + CARDS, found.length))} of ` : "";
    $("found").textContent = range + (all ? plural(rows.length, "document") : `${plural(found.length, "match").replace(/matchs$/, "matches")} in ${plural(rows.length, "document")}`);
    $("clear").hidden = all && !now.q;
    $("pages").replaceChildren(...pageButtons(page, last));
  }

  const tabs = [$("tab-summaries"), $("tab-failures")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => go({ tab: tab.getAttribute("aria-controls"), page: state().page }));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = tabs.find((t) => t !== tab);
      other.focus();
      other.click();
    });
  }
  addEventListener("popstate", render); // back, forward, and a fragment typed into the address
  buildHeader();
  buildFilters();
  render();
  $("app").hidden = false;
})();
