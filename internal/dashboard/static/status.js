// Keeps an open page current: listens for events, fetches the page again when
// it changed, and replaces only the parts that differ. Without this script the
// page is complete, and the browser loads it again every half a minute.
"use strict";
(() => {
  const root = document.documentElement;
  // A page that cannot be made yet is tried again, and stays until it can: one
  // that is loaded anew is read out anew.
  if ("retry" in root.dataset) {
    setInterval(async () => {
      try {
        if ((await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } })).status !== 503) location.reload();
      } catch { /* it is tried again */ }
    }, 5e3);
    return;
  }
  if (!("live" in root.dataset) || !window.EventSource) return;

  const quietAfter = 45e3; // ms without a word from the server
  const pollEvery = 30e3;  // ms between fetches where there are no events
  const restFor = 3e3;     // ms between fetches at least

  // Relative times are ours to keep, so they are no difference.
  const plain = (el) => el.outerHTML.replace(/(<time\b[^>]*>)[^<]*/g, "$1");
  const parts = (doc) => new Map([...doc.querySelectorAll("[data-part]")].map((el) => [el.dataset.part, el]));
  const drawn = new Map(); // part → its text as the server wrote it
  const remember = () => { drawn.clear(); for (const [k, el] of parts(document)) drawn.set(k, plain(el)); };

  let version = root.dataset.version;
  let heard = Date.now(), fetched = 0, pending = 0, polling = 0;

  // --- times ---
  const ago = (s) => {
    if (s < 5) return "just now";
    if (s < 60) return `${Math.floor(s)} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    if (s < 172800) return `${Math.floor(s / 3600)} h ago`;
    return `${Math.floor(s / 86400)} days ago`;
  };
  let skew = 0; // ms by which the server's clock is ahead of ours
  const clock = (iso) => {
    const d = Date.parse(iso) - Date.now();
    skew = Math.abs(d) > 20e3 ? d : 0; // less than that is the age of the page
  };
  const times = () => {
    for (const t of document.querySelectorAll("time[data-ago]")) {
      const text = ago(Math.max(0, (Date.now() + skew - Date.parse(t.dateTime)) / 1000));
      if (t.textContent !== text) t.textContent = text;
    }
  };
  // Times are the reader's own, unless the reader asked for a zone.
  const own = !("asked" in root.dataset);
  const second = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const brief = matchMedia("(max-width: 560px)"); // there a zone takes the place of seconds
  const clockOf = (d) => own ? d.toLocaleTimeString(undefined, { ...second, second: brief.matches ? undefined : "2-digit", timeZoneName: "short" })
    : `${d.toLocaleTimeString("en-GB", { ...second, timeZone: root.dataset.zone })} ${root.dataset.abbr}`;
  const forms = {
    short: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
    sec: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    hm: { hour: "2-digit", minute: "2-digit" },
    full: { dateStyle: "medium", timeStyle: "medium" },
  };
  const localise = () => {
    for (const t of document.querySelectorAll("time[title]:not([data-local])")) {
      t.dataset.local = "";
      t.title += `\n${new Date(t.dateTime).toLocaleString()} (your time)`;
    }
    if (!own) return;
    for (const [name, form] of Object.entries(forms)) {
      for (const t of document.querySelectorAll(`time[data-${name}]:not([data-own])`)) {
        t.dataset.own = "";
        t.textContent = new Date(t.dateTime).toLocaleString(undefined, form);
      }
    }
    for (const t of document.querySelectorAll("time[data-asof]")) t.textContent = clockOf(new Date(t.dateTime));
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const el of document.querySelectorAll("[data-zone-name]")) el.textContent = name;
    const word = document.querySelector("[data-zone-word]");
    if (word) word.textContent = `Times are in your time zone, ${name}; days are counted in UTC.`;
    const zone = document.getElementById("tz");
    if (zone && !("own" in zone.dataset)) {
      zone.dataset.own = "";
      if (![...zone.options].some((o) => o.value === name)) zone.prepend(new Option(name));
      zone.value = name;
    }
  };
  const asOf = (iso) => {
    const clock = clockOf(new Date(iso));
    for (const t of document.querySelectorAll("time[data-asof]")) { t.dateTime = iso; t.textContent = clock; }
    const full = document.querySelector("time[data-asof-full]");
    if (full && full.dateTime !== iso) {
      full.textContent = own ? new Date(iso).toLocaleString(undefined, forms.full)
        : `${new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: root.dataset.zone })}, ${clockOf(new Date(iso))}`;
      full.dateTime = iso;
    }
  };

  // --- bars by the keyboard: arrows go from one to the next ---
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const tell = (text) => { const el = document.querySelector("[data-say]"); if (el) el.textContent = text; };
  const point = (svg, at) => {
    const bars = [...svg.querySelectorAll("path")].filter((p) => p.querySelector("title"));
    if (!bars.length) return;
    const i = Math.max(0, Math.min(bars.length - 1, at));
    svg.dataset.at = i;
    tip.textContent = bars[i].querySelector("title").textContent;
    tip.hidden = false;
    const box = bars[i].getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(innerWidth - tip.offsetWidth - 4, box.left + box.width / 2 - tip.offsetWidth / 2)) + scrollX}px`;
    tip.style.top = `${box.top + scrollY - tip.offsetHeight - 6}px`;
    tell(tip.textContent);
  };
  const reachable = () => { for (const svg of document.querySelectorAll("svg.bars[role=img]")) svg.tabIndex = 0; };
  const barsOf = (e) => e.target instanceof Element && e.target.closest("svg.bars[role=img]");
  document.addEventListener("focusin", (e) => { const svg = barsOf(e); if (svg && svg.matches(":focus-visible")) point(svg, Infinity); });
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("keydown", (e) => {
    const svg = barsOf(e);
    if (!svg) return;
    const at = Number(svg.dataset.at || 0);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: Infinity }[e.key];
    if (e.key === "Escape") tip.hidden = true;
    if (to === undefined) return;
    e.preventDefault();
    point(svg, to);
  });

  // --- connection ---
  const contact = () => {
    heard = Date.now();
    const banner = document.querySelector("[data-offline]");
    if (banner) banner.hidden = true;
  };
  const live = (yes) => {
    root.classList.toggle("is-live", yes);
    const word = document.querySelector("[data-live-word]");
    if (word && !word.closest(".late")) word.textContent = yes ? "Live at" : "Updated";
  };
  const watch = () => {
    if (Date.now() - heard < quietAfter) return;
    live(false);
    const banner = document.querySelector("[data-offline]");
    if (!banner || !banner.hidden) return;
    const seen = document.querySelector("time[data-asof]");
    banner.querySelector("[data-offline-since]").textContent = seen ? seen.textContent : "an unknown time";
    banner.hidden = false;
  };

  // --- replacing what changed ---
  const swap = (old, fresh) => {
    const el = document.adoptNode(fresh);
    for (const d of old.querySelectorAll("details[open][id]")) {
      const same = el.querySelector(`#${CSS.escape(d.id)}`);
      if (same) same.open = true;
    }
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const path = focus && [...old.querySelectorAll("a,summary")].indexOf(focus);
    old.replaceWith(el);
    if (focus) {
      const href = focus.getAttribute("href");
      const again = (href && el.querySelector(`a[href="${CSS.escape(href)}"]`)) || el.querySelectorAll("a,summary")[path];
      if (again) again.focus({ preventScroll: true });
    }
  };
  const show = (doc) => {
    const now = parts(document), next = parts(doc);
    const heading = document.querySelector("h1")?.textContent;
    const same = [...now.keys()].join("\n") === [...next.keys()].join("\n");
    if (same) {
      for (const [k, el] of next) {
        const text = plain(el);
        if (drawn.get(k) !== text) { drawn.set(k, text); swap(now.get(k), el); }
      }
    } else {
      swap(document.querySelector("main"), doc.querySelector("main"));
      for (const k of ["live", "foot"]) if (now.has(k) && next.has(k)) swap(now.get(k), next.get(k));
      remember();
    }
    document.title = doc.title;
    const icon = document.querySelector("link[rel=icon]"), newIcon = doc.querySelector("link[rel=icon]");
    if (icon.href !== newIcon.href) icon.href = newIcon.href;
    version = doc.documentElement.dataset.version;
    const said = document.querySelector("h1")?.textContent;
    const say = document.querySelector("[data-say]");
    if (say && said !== heading) say.textContent = said;
    live(root.classList.contains("is-live"));
    times();
    localise();
    reachable();
  };
  const load = async () => {
    pending = 0;
    if (document.hidden) return; // visibilitychange loads
    fetched = Date.now();
    try {
      const answer = await fetch(location.href, { cache: "no-cache", headers: { Accept: "text/html" } });
      if (!answer.ok) {
        if ([401, 403, 404].includes(answer.status)) location.reload(); // it is gone, or not ours any more
        return;
      }
      const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!doc.querySelector("main") || !doc.documentElement.dataset.version) return;
      contact();
      show(doc);
    } catch { /* the connection is watched elsewhere */ }
  };
  // A moment at random spreads the readers of a busy page.
  const soon = () => {
    if (!pending) pending = setTimeout(load, Math.max(0, fetched + restFor - Date.now()) + Math.random() * 1000);
  };

  // --- events ---
  let dirty = false;
  const take = (e, may) => {
    const c = JSON.parse(e.data);
    contact();
    clock(c.now);
    asOf(c.as_of);
    if (c.version === version || !may(c)) return;
    if (document.hidden) dirty = true; else soon();
  };
  const mine = root.dataset.check;
  const listen = () => {
    const es = new EventSource(`${root.dataset.base || ""}/events`);
    es.onopen = () => { live(true); clearInterval(polling); polling = 0; };
    es.onerror = () => {
      live(false);
      if (es.readyState !== EventSource.CLOSED) return; // it tries again by itself
      if (!polling) polling = setInterval(load, pollEvery);
      setTimeout(listen, 60e3);
    };
    es.addEventListener("hello", (e) => take(e, () => true));
    es.addEventListener("beat", (e) => take(e, (c) => c.stale));
    es.addEventListener("update", (e) => take(e, (c) => !mine || !c.changed || c.changed.includes(mine)));
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (dirty || polling)) { dirty = false; soon(); }
  });

  clock(root.dataset.now);
  remember();
  times();
  localise();
  reachable();
  setInterval(times, 5e3);
  setInterval(watch, 5e3);
  listen();
})();
