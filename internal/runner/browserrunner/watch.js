// Runs in a world of its own at the start of every document: hides masked
// fields in pictures, and watches the vitals of the page.
(() => {
  // The first document that a window shows may share its world with the next.
  if (globalThis.probefleetOf === document) return;
  globalThis.probefleetOf = document;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    input[type=password], [data-probefleet-mask] { background: #9aa0a6 !important; }
    input[type=password], [data-probefleet-mask], [data-probefleet-mask] * {
      color: transparent !important; -webkit-text-fill-color: transparent !important; caret-color: transparent !important;
      text-shadow: none !important; text-decoration: none !important;
    }
    [data-probefleet-mask] * { background: none !important; border-color: transparent !important; }
    [data-probefleet-mask] :is(img, video, canvas, svg), :is(img, video, canvas, svg)[data-probefleet-mask] { visibility: hidden !important; }
  `);
  // A page may replace the list; then the mask is put back before the next
  // picture.
  const mask = () => {
    for (const root of roots) {
      if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    }
  };
  // Shadow trees see nothing of the document's style.
  const roots = new Set([document]);
  const hide = (el) => {
    el.setAttribute('data-probefleet-mask', '');
    roots.add(el.getRootNode());
  };
  const fields = function* (root) {
    for (const el of root.querySelectorAll('*')) {
      if (el.shadowRoot) yield* fields(el.shadowRoot);
      if (el.matches('input, textarea') || el.isContentEditable) yield el;
    }
  };
  // Before a picture: whatever field has one of the secrets, however it came
  // there, is hidden too.
  globalThis.probefleetMask = (secrets = []) => {
    for (const el of secrets.length ? fields(document) : []) {
      const text = el.value ?? el.textContent;
      if (secrets.some((s) => s.length < 4 ? text === s : text.includes(s))) hide(el);
      else if (el.type === 'password') roots.add(el.getRootNode());
    }
    mask();
  };
  globalThis.probefleetHide = (el) => { hide(el); mask() };
  mask();
  if (self !== top || !/^https?:/.test(location.protocol)) return;

  const seen = {fcp: 0, lcp: 0, inp: 0, cls: 0};
  const tasks = [], watches = [];
  let burst = 0, first = 0, last = -Infinity;
  const watch = (type, each, options) => {
    try {
      const o = new PerformanceObserver((list) => list.getEntries().forEach(each));
      o.observe({type, buffered: true, ...options});
      watches.push([o, each]);
    } catch { /* this browser does not know the type */ }
  };
  watch('paint', (e) => { if (e.name === 'first-contentful-paint') seen.fcp = e.startTime });
  watch('largest-contentful-paint', (e) => { seen.lcp = e.startTime });
  watch('longtask', (e) => tasks.push(e));
  watch('layout-shift', (e) => {
    if (e.hadRecentInput) return;
    // A burst: less than a second between shifts, at most five in all.
    if (e.startTime - last > 1000 || e.startTime - first > 5000) burst = 0, first = e.startTime;
    last = e.startTime;
    seen.cls = Math.max(seen.cls, burst += e.value);
  });
  watch('event', (e) => { if (e.interactionId) seen.inp = Math.max(seen.inp, e.duration) }, {durationThreshold: 16});
  // The browser tells of an interaction some time after its frame is shown,
  // and nothing where the document is left before: then it has lasted until
  // its frame was drawn, or until now.
  const lasted = (e) => {
    const d = performance.now() - e.timeStamp;
    if (d >= 16) seen.inp = Math.max(seen.inp, d);
  };
  const inputs = new Set();
  for (const type of ['keydown', 'pointerdown', 'pointerup', 'click']) {
    addEventListener(type, (e) => {
      if (!e.isTrusted) return;
      inputs.add(e);
      requestAnimationFrame(() => { if (inputs.delete(e)) lasted(e) });
    }, {capture: true, passive: true});
  }
  const read = () => {
    for (const [o, each] of watches) o.takeRecords().forEach(each);
    inputs.forEach(lasted);
    const n = performance.getEntriesByType('navigation')[0];
    const tbt = tasks.reduce((sum, e) => e.startTime + e.duration > seen.fcp ? sum + Math.max(0, e.duration - 50) : sum, 0);
    return JSON.stringify({...seen, id: performance.timeOrigin, url: location.href, ttfb: n ? n.responseStart : 0, tbt});
  };
  globalThis.probefleetVitals = read;
  // Once the next document is there nobody listens to this one any more.
  addEventListener('beforeunload', () => globalThis.probefleetLeft?.(read()));
})()
