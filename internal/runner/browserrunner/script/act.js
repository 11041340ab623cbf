// What a step does to an element. Each resolves to {ok: true, ...} or {reason, ...}.

const native = ['BUTTON', 'INPUT', 'SELECT', 'TEXTAREA', 'OPTION', 'OPTGROUP'];
const unable = (el) => (loose ? native.includes(el.nodeName) && el.disabled : disabled(el));

// place is where a mouse does its work on the element that is meant.
const place = async (needsEnabled) => {
  const picked = pick();
  const el = picked.el;
  if (!el) return picked;
  if (needsEnabled && unable(el)) return { reason: 'disabled', by: describe(el) };
  const at = await steady(el);
  if (at.reason) return { reason: at.reason, by: describe(el) };
  if (!loose && !reaches(at, el)) {
    const over = hit(at);
    return { reason: 'covered', by: over ? describe(over) : '' };
  }
  return { ok: true, el, path: picked.path, x: at.x, y: at.y };
};

const aim = () => place(want.enabled);

const tell = (el) => {
  el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
  el.dispatchEvent(new Event('change', { bubbles: true }));
};
const done = (picked) => ({ ok: true, el: picked.el, path: picked.path, mode: 'done' });
const assign = (picked) => { tell(picked.el); return done(picked); };

const choose = (picked, values) => {
  const el = picked.el;
  const options = [...el.options];
  const chosen = [];
  for (const value of values) {
    const option = options.find((o) => o.value === value) || options.find((o) => collapse(o.text) === collapse(value));
    if (!option) return { reason: 'option', by: value, actual: cut(options.map((o) => collapse(o.text)).join(', '), 200) };
    if (option.disabled) return { reason: 'disabled', by: describe(option) };
    chosen.push(option);
  }
  if (el.multiple) {
    for (const o of options) o.selected = chosen.includes(o);
  } else {
    el.value = chosen[0].value;
  }
  return assign(picked);
};

const dated = ['color', 'date', 'datetime-local', 'month', 'range', 'time', 'week'];
const typed = ['text', 'url', 'tel', 'search', 'password', 'number', 'email'];
const unfillable = ['file', 'image', 'button', 'submit', 'reset', 'hidden'];

// ready is the element that is meant, once it can be given a value. It has to
// stand still for a mouse only, and for a recorder's own player: a field takes
// a value while it moves.
const ready = async () => {
  const picked = pick();
  const el = picked.el;
  if (!el) return picked;
  if (!editable(el)) return { reason: 'field', final: true, by: describe(el) };
  if (unable(el)) return { reason: 'disabled', by: describe(el) };
  if (el.readOnly) return { reason: 'readonly', by: describe(el) };
  const type = el instanceof HTMLInputElement ? el.type : '';
  const at = loose || type === 'checkbox' || type === 'radio' ? await steady(el) : {};
  if (at.reason) return { reason: at.reason, by: describe(el) };
  if (want.hide || type === 'password') globalThis.probefleetHide?.(el);
  if (unfillable.includes(type)) return { reason: 'field', final: true, by: '<input type="' + type + '">' };
  return { el, path: picked.path, x: at.x, y: at.y, type };
};

const toggle = (picked, on) => (picked.el.checked === on ? done(picked) : { ...picked, ok: true, mode: 'click' });

const fill = async () => {
  const picked = await ready();
  const { el, type } = picked;
  if (picked.reason) return picked;
  if (type === 'checkbox' || type === 'radio') return toggle(picked, !['', '0', 'false', 'off', 'no'].includes(want.text.toLowerCase()));
  if (el instanceof HTMLSelectElement) return choose(picked, [want.text]);
  if (dated.includes(type)) {
    el.value = want.text;
    return assign(picked);
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
  return { ...picked, ok: true, mode: 'type', secret: type === 'password' };
};

// change gives a field its value as a recorder's own player does.
const change = async () => {
  const picked = await ready();
  const { el, type } = picked;
  if (picked.reason) return picked;
  if (type === 'checkbox' || type === 'radio') return toggle(picked, want.text !== '');
  if (el instanceof HTMLSelectElement) {
    el.blur(); // closes the list that a click has opened
    el.focus();
    return choose(picked, [want.text]);
  }
  const rich = el.isContentEditable && !('value' in el);
  const set = (text) => { if (rich) el.innerText = text; else el.value = text; };
  const now = rich ? el.innerText : el.value;
  if (now === want.text) return done(picked);
  const types = rich || el instanceof HTMLTextAreaElement || typed.includes(type);
  el.focus();
  if (!types || want.text.length >= 100 || want.text === '') {
    set(want.text);
    return assign(picked);
  }
  const secret = type === 'password';
  if (!want.text.startsWith(now)) {
    set('');
    return { ...picked, ok: true, mode: 'type', text: want.text, secret };
  }
  set('');
  set(now); // the caret goes to the end
  if (rich) getSelection().selectAllChildren(el), getSelection().collapseToEnd();
  return { ...picked, ok: true, mode: 'type', text: want.text.slice(now.length), secret };
};

const select = async () => {
  const picked = await ready();
  if (picked.reason) return picked;
  if (!(picked.el instanceof HTMLSelectElement)) return { reason: 'select', final: true, by: describe(picked.el) };
  return choose(picked, want.values);
};

const boxOf = (el) => (el instanceof HTMLLabelElement && el.control ? el.control : el);
const isOn = (el) => (el.type === 'checkbox' || el.type === 'radio' ? el.checked : el.getAttribute('aria-checked') === 'true');
const isBox = (el) => el.type === 'checkbox' || el.type === 'radio' || el.hasAttribute('aria-checked');

// checked makes a box be as wanted, or says where to click for that; checkedNow
// waits until it is.
const checked = async () => {
  const picked = pick();
  if (!picked.el) return picked;
  const box = boxOf(picked.el);
  if (!isBox(box)) return { reason: 'box', final: true, by: describe(picked.el) };
  if (isOn(box) === (want.text === 'true')) return done(picked);
  const at = await place(true);
  return at.ok ? { ...at, mode: 'click' } : at;
};
const checkedNow = async () => {
  const picked = pick();
  if (!picked.el) return picked;
  return isOn(boxOf(picked.el)) === (want.text === 'true') ? done(picked) : { reason: 'unmoved', by: describe(picked.el) };
};

const upload = async () => {
  const picked = pick(true);
  const el = picked.el;
  if (!el) return picked;
  if (!(el instanceof HTMLInputElement) || el.type !== 'file') return { reason: 'file', final: true, by: describe(el) };
  if (disabled(el)) return { reason: 'disabled', by: describe(el) };
  if (want.files.length > 1 && !el.multiple) return { reason: 'onefile', final: true, by: describe(el) };
  const list = new DataTransfer();
  for (const f of want.files) {
    const bytes = Uint8Array.from(atob(f.content), (c) => c.charCodeAt(0));
    list.items.add(new File([bytes], f.name, { type: f.type }));
  }
  el.files = list.files;
  return assign(picked);
};

const focus = async () => {
  const picked = pick();
  const el = picked.el;
  if (!el) return picked;
  if (unable(el)) return { reason: 'disabled', by: describe(el) };
  el.focus();
  return { ...done(picked), secret: el instanceof HTMLInputElement && el.type === 'password' };
};

// scroll moves the page, or what is inside an element; an element without a
// place to scroll to is brought into view.
const scroll = async () => {
  const to = want.point && { left: want.point.x, top: want.point.y, behavior: 'instant' };
  if (!want.paths.length) {
    window.scrollTo(to ?? { left: 0, top: 0, behavior: 'instant' });
    return { ok: true };
  }
  const picked = pick();
  if (!picked.el) return picked;
  const at = await steady(picked.el);
  if (at.reason === 'moving') return at;
  if (to) {
    picked.el.scrollTo(to);
  } else {
    picked.el.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  }
  return done(picked);
};

// keep writes into the page's storage.
const keep = async () => {
  if (want.text === 'clear') {
    localStorage.clear();
    sessionStorage.clear();
    return { ok: true };
  }
  const storage = want.text === 'session' ? sessionStorage : localStorage;
  for (const [name, value] of Object.entries(want.pairs)) storage.setItem(name, value);
  return { ok: true };
};

// inner is the element itself, for the browser to look into.
const inner = async () => {
  const picked = pick(true);
  return picked.el ? done(picked) : picked;
};

// everyOne are all the elements, of all paths.
const everyOne = async () => ({ ok: true, el: want.paths.flatMap(follow) });
