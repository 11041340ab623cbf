// Keeps an open page current: listens for events, fetches the page again when
// what it is about has changed, and replaces only the parts that differ. Without
// this script every page is complete.
"use strict";
(() => {
  const root = document.documentElement;
  const ago = (s) => {
    if (s < -5) return `in ${span(-s)}`;
    return s < 5 ? "just now" : `${span(s)} ago`;
  };
  const span = (s) => {
    if (s < 60) return `${Math.floor(s)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 172800) return `${Math.floor(s / 3600)} h`;
    return `${Math.floor(s / 86400)} days`;
  };
  let skew = Date.parse(root.dataset.now) - Date.now(); // ms by which the server's clock is ahead
  if (Math.abs(skew) < 20e3) skew = 0;
  const times = () => {
    for (const t of document.querySelectorAll("time[data-ago]")) {
      const text = ago((Date.now() + skew - Date.parse(t.dateTime)) / 1000);
      if (t.textContent !== text) t.textContent = text;
    }
  };
  const localise = () => {
    for (const t of document.querySelectorAll("time[title]:not([data-local])")) {
      t.dataset.local = "";
      t.title += `\n${new Date(t.dateTime).toLocaleString()} (your time)`;
    }
  };
  times();
  localise();
  setInterval(times, 5e3);
  for (const b of document.querySelectorAll("[data-copy]")) {
    b.hidden = false;
    b.addEventListener("click", async () => {
      const field = document.getElementById(b.dataset.copy);
      field.select();
      let done = false;
      try {
        await navigator.clipboard.writeText(field.value);
        done = true;
      } catch { done = document.execCommand("copy"); }
      b.textContent = done ? "Copied" : "Press Ctrl+C";
      document.querySelector("[data-say]").textContent = b.textContent;
    });
  }
  if (!root.dataset.live || !window.EventSource) return;

  const restFor = 4e3; // ms between fetches at least
  const plain = (el) => el.outerHTML.replace(/(<time\b[^>]*>)[^<]*/g, "$1");
  const parts = (doc) => new Map([...doc.querySelectorAll("[data-part]")].map((el) => [el.dataset.part, el]));
  const drawn = new Map();
  for (const [k, el] of parts(document)) drawn.set(k, plain(el));
  let version = "", fetched = 0, pending = 0, dirty = false;

  const swap = (old, fresh) => {
    const el = document.adoptNode(fresh);
    for (const d of old.querySelectorAll("details[open][id]")) {
      const same = el.querySelector(`#${CSS.escape(d.id)}`);
      if (same) same.open = true;
    }
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const path = focus && [...old.querySelectorAll("a,summary,button,input")].indexOf(focus);
    old.replaceWith(el);
    if (!focus) return;
    const href = focus.getAttribute("href");
    const again = (href && el.querySelector(`a[href="${CSS.escape(href)}"]`)) || el.querySelectorAll("a,summary,button,input")[path];
    if (again) again.focus({ preventScroll: true });
  };
  const show = (doc) => {
    const now = parts(document), next = parts(doc);
    const heading = document.querySelector("h1")?.textContent;
    for (const [k, el] of next) {
      const text = plain(el);
      if (drawn.get(k) !== text && now.has(k)) { drawn.set(k, text); swap(now.get(k), el); }
    }
    document.title = doc.title;
    const said = document.querySelector("h1")?.textContent;
    if (said !== heading) document.querySelector("[data-say]").textContent = said;
    times();
    localise();
  };
  const load = async () => {
    pending = 0;
    if (document.hidden) { dirty = true; return; }
    fetched = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the stream says when it is back */ }
  };
  const soon = () => {
    if (!pending) pending = setTimeout(load, Math.max(0, fetched + restFor - Date.now()));
  };
  const listen = () => {
    const es = new EventSource(`/events?about=${encodeURIComponent(root.dataset.live)}`);
    es.onopen = () => root.classList.add("is-live");
    es.onerror = () => {
      root.classList.remove("is-live");
      if (es.readyState === EventSource.CLOSED) setTimeout(listen, 60e3);
    };
    es.addEventListener("version", (e) => {
      const first = version === "";
      if (version === e.data) return;
      version = e.data;
      if (!first) soon();
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && dirty) { dirty = false; soon(); }
  });
  listen();
})();
