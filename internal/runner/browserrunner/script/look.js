// What elements are like, in words and in pixels.

const collapse = (text) => text.replace(/\s+/g, ' ').trim();
const contains = (text, part) => text.includes(part) || collapse(text).includes(collapse(part));
const like = (text, part) => (want.exact ? collapse(text) === collapse(part) : collapse(text).toLowerCase().includes(collapse(part).toLowerCase()));
const cut = (text, length) => (text.length > length ? text.slice(0, length) + '…' : text);

// frame resolves to the time of the next animation frame, or of now where the
// page draws none for a second: on a busy machine frames may be that far apart.
const frame = () => new Promise((done) => {
  const timer = setTimeout(() => done(performance.now()), 1000);
  requestAnimationFrame((now) => { clearTimeout(timer); done(now); });
});

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

// corner is the box that a mouse can reach: the first of el's that is at least
// a pixel wide and high within the viewport.
const corner = (el) => {
  for (const r of el.getClientRects()) {
    const left = Math.max(r.left, 0), right = Math.min(r.right, innerWidth);
    const top = Math.max(r.top, 0), bottom = Math.min(r.bottom, innerHeight);
    if (right - left >= 1 && bottom - top >= 1) return { left, top, right, bottom };
  }
  return null;
};

// point is where to put the mouse: want.point from the corner, else the centre.
const point = (el) => {
  const box = corner(el);
  if (!box) return null;
  if (want.point) return { x: box.left + want.point.x, y: box.top + want.point.y };
  return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
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

// intersects resolves to whether any of el is seen in the page that holds this
// frame.
const intersects = (el) => new Promise((done) => {
  const observer = new IntersectionObserver((entries) => {
    observer.disconnect();
    done(entries[0].intersectionRatio > 0);
  });
  observer.observe(el);
  frame().then(frame).then(() => done(false));
});

// steady brings el into view and resolves to its point once its box stood still
// from the last animation frame to the next, else to the reason why not.
const steady = async (el) => {
  let p = point(el);
  const seen = window.top === window || await intersects(el);
  if (!seen || !p || !loose && !reaches(p, el)) el.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  // An animation that is about to begin stands still, but not for long.
  const begins = () => document.getAnimations().some((a) => a.pending && a.effect && a.effect.target && within(el, a.effect.target));
  const pending = begins();
  // What is seen now is of the last frame, whose time the timeline keeps.
  const last = document.timeline.currentTime ?? 0;
  const a = el.getBoundingClientRect();
  // The next may come for the same moment.
  while (await frame() - last < 5);
  const b = el.getBoundingClientRect();
  if (!el.isConnected) return { reason: 'none' };
  if (pending || begins() || a.x !== b.x || a.y !== b.y || a.width !== b.width || a.height !== b.height) return { reason: 'moving' };
  p = point(el);
  if (!p) return { reason: 'outside' };
  return p;
};
