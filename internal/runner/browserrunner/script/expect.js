// What a step waits for. Each resolves to {ok: true, ...} or {reason, ...}.

const text = async () => {
  if (!want.paths.length) {
    const body = document.body;
    if (!body) return { reason: 'text', actual: '' };
    if (contains(body.innerText, want.text) || deepest(document, want.text).some(visible)) return { ok: true };
    return { reason: 'text', actual: cut(collapse(body.innerText), 200) };
  }
  const picked = pick();
  if (!picked.el) return picked;
  const seen = new Map();
  const says = (el) => valueOf(el) || el.innerText || textOf(el, seen);
  const shown = want.nth || want.strict ? [picked.el] : all().filter(visible);
  const el = shown.find((e) => contains(says(e), want.text) || contains(textOf(e, seen), want.text));
  if (el) return { ...done(picked), el };
  return { reason: 'text', matches: shown.length, actual: cut(collapse(says(picked.el)), 200) };
};

const url = async () => (location.href.includes(want.text) ? { ok: true } : { reason: 'url' });
const title = async () => (document.title.includes(want.text) ? { ok: true } : { reason: 'title', actual: cut(document.title, 200) });

const shown = async () => {
  const picked = pick(false);
  return picked.el ? done(picked) : picked;
};
const hiddenNow = async () => {
  const picked = pick(false);
  if (picked.final) return picked;
  return picked.el || picked.reason === 'many' ? { reason: 'shown', by: picked.el ? named(picked.el) : picked.instead[0] } : { ok: true };
};

const value = async () => {
  const picked = pick();
  const el = picked.el;
  if (!el) return picked;
  const now = el instanceof HTMLSelectElement ? [...el.selectedOptions].map((o) => o.value) : [el.value ?? el.innerText];
  const labels = el instanceof HTMLSelectElement ? [...el.selectedOptions].map((o) => collapse(o.text)) : [];
  if (now.includes(want.text) || labels.includes(collapse(want.text)) || want.text === '' && now.length === 0) return done(picked);
  return { reason: 'value', secret: el.type === 'password', actual: cut(now.join(', '), 200) };
};

const attribute = async () => {
  const picked = pick(true);
  if (!picked.el) return picked;
  for (const [name, value] of Object.entries(want.pairs)) {
    const now = picked.el.getAttribute(name);
    if (now !== value) return { reason: 'attribute', by: name, actual: now === null ? '' : cut(now, 200), missing: now === null };
  }
  return done(picked);
};

const compare = { '>=': (a, b) => a >= b, '==': (a, b) => a === b, '<=': (a, b) => a <= b };

const part = (a, b) => {
  if (a === b) return true;
  if (!(a instanceof Object) || !(b instanceof Object)) return false;
  return Object.entries(a).every(([name, value]) => part(value, b[name]));
};

// elements waits for a number of them, and for what each is like; not for the
// opposite of all that.
const elements = async () => {
  const { operator, count, not, properties, attributes } = want.elements;
  let found;
  try {
    found = all();
  } catch (e) {
    return { reason: 'invalid', final: true, actual: e.message };
  }
  let holds = compare[operator](found.length, count);
  let why = holds ? '' : 'count';
  if (holds) {
    for (const el of found) {
      if (attributes && Object.entries(attributes).some(([name, value]) => el.getAttribute(name) !== value)
        || properties && !part(properties, el)) {
        holds = false;
        why = 'unlike';
      }
    }
  }
  if (holds !== Boolean(not)) return { ok: true, matches: found.length };
  return { reason: not ? 'still' : why, matches: found.length, actual: found.length ? named(found[0]) : '' };
};
