// Runs inside the page, in a world of its own: the page can neither see nor
// change it. It waits here until what is wanted is so, or until its time is
// over, and then says what it found. It never throws for what the page does.
//
// want: {op, kind, selector, text, timeout}, see type want in locate.go.
async function locate(want) {
  const end = performance.now() + want.timeout;
  const collapse = (text) => text.replace(/\s+/g, ' ').trim();
  const contains = (text, part) => text.includes(part) || collapse(text).includes(collapse(part));
  const cut = (text, length) => (text.length > length ? text.slice(0, length) + '…' : text);

  // frame resolves to the time of the next animation frame, or of now where the
  // page draws none for a second: on a busy machine frames may be that far
  // apart.
  const frame = () => new Promise((done) => {
    const timer = setTimeout(() => done(performance.now()), 1000);
    requestAnimationFrame((now) => { clearTimeout(timer); done(now); });
  });

  // change resolves when the document changes. Shadow trees, values and styles
  // change unseen, so it looks again every 100 ms at the latest, and not before
  // the end of the time is near.
  const change = () => new Promise((done) => {
    const wake = () => { observer.disconnect(); clearTimeout(timer); setTimeout(done, 10); };
    const observer = new MutationObserver(wake);
    const timer = setTimeout(wake, Math.max(1, Math.min(100, end - performance.now())));
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  });

  // --- selectors ---

  const silent = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'HEAD']);
  const valueOf = (el) => {
    if (el instanceof HTMLTextAreaElement) return el.value;
    if (el instanceof HTMLSelectElement) return [...el.selectedOptions].map((o) => o.text).join(' ');
    if (el instanceof HTMLInputElement && !['password', 'checkbox', 'radio', 'image', 'hidden', 'file'].includes(el.type)) return el.value;
    return '';
  };
  // textOf is an element's text with that of open shadow trees and of fields.
  const textOf = (node, seen) => {
    if (seen.has(node)) return seen.get(node);
    let text = node instanceof Element ? valueOf(node) : '';
    for (const root of [node.shadowRoot, node]) {
      if (!root) continue;
      for (const child of root.childNodes) {
        if (child.nodeType === Node.TEXT_NODE) text += child.data;
        else if (child.nodeType === Node.ELEMENT_NODE && !silent.has(child.nodeName)) text += textOf(child, seen);
      }
    }
    seen.set(node, text);
    return text;
  };
  const deepest = (root, part) => {
    const seen = new Map();
    const found = [];
    const visit = (node) => {
      if (!contains(textOf(node, seen), part)) return false;
      let inner = false;
      for (const tree of [node.shadowRoot, node]) {
        if (!tree) continue;
        for (const child of tree.children) {
          if (!silent.has(child.nodeName) && visit(child)) inner = true;
        }
      }
      if (!inner && node instanceof Element) found.push(node);
      return true;
    };
    visit(root);
    return found;
  };
  // all lists what matches, in document order. A selector that is not valid
  // throws.
  const all = () => {
    switch (want.kind) {
      case 'text':
        return deepest(document, want.selector);
      case 'xpath': {
        const result = document.evaluate(want.selector, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
        return Array.from({ length: result.snapshotLength }, (_, i) => result.snapshotItem(i)).filter((n) => n instanceof Element);
      }
      default:
        return [...document.querySelectorAll(want.selector)];
    }
  };

  // --- what an element is like ---

  const visible = (el) => el.checkVisibility({ visibilityProperty: true })
    && [...el.getClientRects()].some((r) => r.width >= 1 && r.height >= 1);
  const describe = (el) => {
    let text = '<' + el.localName;
    if (el.id) text += ' id="' + el.id + '"';
    const classes = el.getAttribute('class');
    if (classes) text += ' class="' + cut(collapse(classes), 60) + '"';
    return text + '>';
  };
  const disabled = (el) => el.matches(':disabled') || el.closest('[aria-disabled="true"]') !== null;
  const editable = (el) => el instanceof HTMLInputElement || el instanceof HTMLTextAreaElement
    || el instanceof HTMLSelectElement || el.isContentEditable;
  // point is the centre of the first box of el that is at least a pixel wide
  // and high within the viewport.
  const point = (el) => {
    for (const r of el.getClientRects()) {
      const left = Math.max(r.left, 0), right = Math.min(r.right, innerWidth);
      const top = Math.max(r.top, 0), bottom = Math.min(r.bottom, innerHeight);
      if (right - left >= 1 && bottom - top >= 1) return { x: (left + right) / 2, y: (top + bottom) / 2 };
    }
    return null;
  };
  const parentOf = (node) => node.assignedSlot || node.parentNode || node.host || null;
  const within = (node, el) => {
    for (; node; node = parentOf(node)) {
      if (node === el) return true;
    }
    return false;
  };
  // hit is what a mouse at p would reach.
  const hit = (p) => {
    let el = document.elementFromPoint(p.x, p.y);
    while (el && el.shadowRoot) {
      const inner = el.shadowRoot.elementFromPoint(p.x, p.y);
      if (!inner || inner === el) break;
      el = inner;
    }
    return el;
  };
  const reaches = (p, el) => {
    const target = hit(p);
    if (!target) return false;
    if (within(target, el)) return true;
    const label = target.closest('label');
    return label !== null && label.control !== null && within(label.control, el);
  };

  // steady brings el into view and resolves to its point once its box stood
  // still for two animation frames, else to the reason why not.
  const steady = async (el) => {
    let p = point(el);
    if (!p || !reaches(p, el)) el.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    // An animation that is about to begin stands still, but not for long.
    const begins = () => document.getAnimations().some((a) => a.pending && a.effect && a.effect.target && within(el, a.effect.target));
    const first = await frame();
    const pending = begins();
    const a = el.getBoundingClientRect();
    // A second frame may come for the same moment.
    while (await frame() - first < 5);
    const b = el.getBoundingClientRect();
    if (!el.isConnected) return { reason: 'none' };
    if (pending || begins() || a.x !== b.x || a.y !== b.y || a.width !== b.width || a.height !== b.height) return { reason: 'moving' };
    p = point(el);
    if (!p) return { reason: 'outside' };
    return p;
  };

  // --- what is wanted; each returns {ok: true, ...} or {reason, ...} ---

  // pick is the first visible match.
  const pick = () => {
    let matches;
    try {
      matches = all();
    } catch (e) {
      return { reason: 'invalid', final: true, actual: e.message };
    }
    const el = matches.find(visible);
    if (el) return { el, matches: matches.length };
    return { reason: matches.length ? 'hidden' : 'none', matches: matches.length };
  };

  const click = async () => {
    const picked = pick();
    const el = picked.el;
    if (!el) return picked;
    if (disabled(el)) return { reason: 'disabled', by: describe(el) };
    const at = await steady(el);
    if (at.reason) return { reason: at.reason, by: describe(el) };
    if (!reaches(at, el)) {
      const over = hit(at);
      return { reason: 'covered', by: over ? describe(over) : '' };
    }
    return { ok: true, x: at.x, y: at.y };
  };

  const assign = (el) => {
    el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    el.dispatchEvent(new Event('change', { bubbles: true }));
    return { ok: true, mode: 'done' };
  };

  const choose = (el) => {
    const options = [...el.options];
    const option = options.find((o) => o.value === want.text) || options.find((o) => collapse(o.text) === collapse(want.text));
    if (!option) return { reason: 'option', actual: cut(options.map((o) => collapse(o.text)).join(', '), 200) };
    if (option.disabled) return { reason: 'disabled', by: describe(option) };
    if (el.multiple) {
      for (const o of options) o.selected = o === option;
    } else {
      el.value = option.value;
    }
    return assign(el);
  };

  const fill = async () => {
    const picked = pick();
    const el = picked.el;
    if (!el) return picked;
    if (!editable(el)) return { reason: 'field', final: true, by: describe(el) };
    if (disabled(el)) return { reason: 'disabled', by: describe(el) };
    if (el.readOnly) return { reason: 'readonly', by: describe(el) };
    const at = await steady(el);
    if (at.reason) return { reason: at.reason, by: describe(el) };
    const type = el instanceof HTMLInputElement ? el.type : '';
    if (['file', 'image', 'button', 'submit', 'reset', 'hidden'].includes(type)) return { reason: 'field', final: true, by: '<input type="' + type + '">' };
    if (type === 'checkbox' || type === 'radio') {
      const on = !['', '0', 'false', 'off', 'no'].includes(want.text.toLowerCase());
      return el.checked === on ? { ok: true, mode: 'done' } : { ok: true, mode: 'click', x: at.x, y: at.y };
    }
    if (el instanceof HTMLSelectElement) return choose(el);
    if (['color', 'date', 'datetime-local', 'month', 'range', 'time', 'week'].includes(type)) {
      el.value = want.text;
      return assign(el);
    }
    el.focus();
    if (el.select) {
      el.select();
    } else {
      const selection = getSelection();
      const range = document.createRange();
      range.selectNodeContents(el);
      selection.removeAllRanges();
      selection.addRange(range);
    }
    return { ok: true, mode: 'type', secret: type === 'password' };
  };

  const focus = async () => {
    const picked = pick();
    const el = picked.el;
    if (!el) return picked;
    if (disabled(el)) return { reason: 'disabled', by: describe(el) };
    el.focus();
    return { ok: true, secret: el instanceof HTMLInputElement && el.type === 'password' };
  };

  const text = async () => {
    if (want.selector === '') {
      const body = document.body;
      if (!body) return { reason: 'text', actual: '' };
      if (contains(body.innerText, want.text) || deepest(document, want.text).some(visible)) return { ok: true };
      return { reason: 'text', actual: cut(collapse(body.innerText), 200) };
    }
    let matches;
    try {
      matches = all();
    } catch (e) {
      return { reason: 'invalid', final: true, actual: e.message };
    }
    if (!matches.length) return { reason: 'none', matches: 0 };
    const shown = matches.filter(visible);
    if (!shown.length) return { reason: 'hidden', matches: matches.length };
    const seen = new Map();
    const says = (el) => valueOf(el) || el.innerText || textOf(el, seen);
    if (shown.some((el) => contains(says(el), want.text) || contains(textOf(el, seen), want.text))) return { ok: true };
    return { reason: 'text', matches: matches.length, actual: cut(collapse(says(shown[0])), 200) };
  };

  const url = async () => (location.href.includes(want.text) ? { ok: true } : { reason: 'url' });

  // settle gives the page's own handlers and short timers the time to act on
  // an input, so that a navigation that it causes is known by its return.
  const settle = async () => {
    await new Promise((done) => setTimeout(() => setTimeout(done)));
    return { ok: true };
  };

  const ops = { click, fill, focus, text, url, settle };
  for (;;) {
    const found = await ops[want.op]();
    delete found.el;
    if (found.ok || found.final || performance.now() >= end) {
      // A near miss is worth naming.
      if (found.reason === 'none' && want.kind === 'text') {
        const lower = want.selector.toLowerCase();
        found.otherCase = document.body !== null && document.body.innerText.toLowerCase().includes(lower);
      }
      return found;
    }
    await change();
  }
}
