// Selectors: from want.paths to elements, in document order. A selector that
// is not valid throws.

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
  const fits = (node) => !want.exact || collapse(textOf(node, seen)) === collapse(part);
  const visit = (node) => {
    if (!contains(textOf(node, seen), part)) return false;
    let inner = false;
    for (const tree of [node.shadowRoot, node]) {
      if (!tree) continue;
      for (const child of tree.children) {
        if (!silent.has(child.nodeName) && visit(child)) inner = true;
      }
    }
    if (!inner && node instanceof Element && fits(node)) found.push(node);
    return true;
  };
  visit(root);
  return found;
};

// everything calls visit for each element below root, open shadow trees
// included.
const everything = (root, visit) => {
  for (const el of root.querySelectorAll('*')) {
    visit(el);
    if (el.shadowRoot) everything(el.shadowRoot, visit);
  }
};

const deep = (root, fits) => {
  const found = [];
  if (root.shadowRoot) everything(root.shadowRoot, (el) => { if (fits(el)) found.push(el); });
  everything(root, (el) => { if (fits(el)) found.push(el); });
  return found;
};

// labelsOf are the texts that name a field to those who see it or hear of it.
const labelsOf = (el) => {
  const texts = [...(el.labels || [])].map((l) => l.textContent);
  for (const id of (el.getAttribute('aria-labelledby') || '').split(/\s+/)) {
    const by = id && el.getRootNode().getElementById(id);
    if (by) texts.push(by.textContent);
  }
  if (el.hasAttribute('aria-label')) texts.push(el.getAttribute('aria-label'));
  return texts;
};

const query = (root, { kind, text }) => {
  switch (kind) {
    case 'text':
      return deepest(root, text);
    case 'xpath': {
      const result = document.evaluate(text, root, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
      return Array.from({ length: result.snapshotLength }, (_, i) => result.snapshotItem(i)).filter((n) => n instanceof Element);
    }
    case 'pierce':
      document.createDocumentFragment().querySelector(text); // throws where it is not valid
      return deep(root, (el) => el.matches(text));
    case 'label':
      return deep(root, (el) => (editable(el) || el.hasAttribute('role')) && labelsOf(el).some((l) => like(l, text)));
    case 'placeholder':
      return deep(root, (el) => el.hasAttribute('placeholder') && like(el.getAttribute('placeholder'), text));
    case 'test_id':
      return deep(root, (el) => el.getAttribute('data-testid') === text);
    default:
      return [...root.querySelectorAll(text)];
  }
};

// follow is what a path leads to. Its beginning may be given, by elements that
// the browser found.
const follow = (path) => {
  let found = path.given ?? [document];
  for (const part of path.parts) {
    const next = new Set();
    for (const root of found) {
      for (const el of query(root.shadowRoot ?? root, part)) next.add(el);
    }
    found = [...next];
  }
  return found;
};

// all is what the first path leads to that leads anywhere.
const all = () => {
  for (const path of want.paths) {
    const found = follow(path);
    if (found.length) return found;
  }
  return [];
};

// pick is the element that is meant: the first that is seen, or, for steps of a
// recorder and where only what is there counts, the first that exists.
const pick = (exists = loose) => {
  let matches = 0, reason = 'none';
  for (const [i, path] of want.paths.entries()) {
    let found;
    try {
      found = follow(path);
    } catch (e) {
      return { reason: 'invalid', final: true, actual: e.message };
    }
    matches += found.length;
    const usable = exists ? found : found.filter(visible);
    if (found.length && !usable.length) reason = 'hidden';
    if (!usable.length) continue;
    if (want.nth > usable.length) {
      reason = 'nth';
      matches = usable.length;
      continue;
    }
    if (want.strict && !want.recorded && !want.nth && usable.length > 1) {
      return { reason: 'many', matches: usable.length, instead: usable.slice(0, 5).map(named) };
    }
    return { el: usable[Math.max(0, want.nth - 1)], path: i, matches };
  }
  return { reason, matches };
};

// named is an element in words: <button id="buy"> "Buy".
const named = (el) => {
  const text = cut(collapse(el instanceof HTMLInputElement ? labelsOf(el).join(' ') || el.placeholder || el.name : el.innerText || el.getAttribute('aria-label') || ''), 60);
  return describe(el) + (text && ' "' + text + '"');
};

// instead lists what was there where nothing was found: what of the page is
// most like what was wanted.
const instead = () => {
  const kinds = {
    field: 'input:not([type=hidden]), select, textarea, [contenteditable=""], [contenteditable=true]',
    control: 'button, a[href], [role=button], [role=link], [role=tab], [role=menuitem], input[type=submit], summary',
    text: 'h1, h2, h3, [role=alert], [role=status], [role=heading]',
  };
  const kind = ['fill', 'change', 'select', 'checked', 'value', 'upload'].includes(want.op) ? 'field'
    : ['point', 'focus'].includes(want.op) ? 'control' : 'text';
  return [...document.querySelectorAll(kinds[kind])].filter(visible).slice(0, 8).map(named);
};
