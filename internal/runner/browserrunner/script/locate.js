// The end of the function that runs inside a page, in a world of its own: the
// page can neither see nor change it. It waits here until what is wanted is so,
// or until its time is over, and then says what it found. It never throws for
// what the page does.

const end = performance.now() + want.timeout;

// A recorder's own player asks less: see type Step in package check.
const loose = want.recorded && !want.strict;

for (const path of want.paths) path.given = path.given < 0 ? null : given.splice(0, path.given);

// changed resolves when the document changes. Shadow trees, values and styles
// change unseen, so it looks again every 100 ms at the latest, and not before
// the end of the time is near.
const changed = () => new Promise((done) => {
  const wake = () => { observer.disconnect(); clearTimeout(timer); setTimeout(done, 10); };
  const observer = new MutationObserver(wake);
  const timer = setTimeout(wake, Math.max(1, Math.min(100, end - performance.now())));
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
});

const ops = {
  point: aim, fill, change, select, checked, checkedNow, upload, focus, scroll, keep, inner, all: everyOne,
  text, url, title, visible: shown, hidden: hiddenNow, value, attribute, elements,
};
for (;;) {
  const found = await ops[want.op]();
  const el = found.el;
  delete found.el;
  if (want.handle && el) return el;
  if (el) found.element = describe(el);
  if (found.ok || found.final || performance.now() >= end) {
    if (['none', 'hidden', 'nth'].includes(found.reason)) {
      found.instead = instead();
      // A near miss is worth naming.
      const last = want.paths.length === 1 && want.paths[0].parts.at(-1);
      if (last && last.kind === 'text') {
        found.otherCase = document.body !== null && document.body.innerText.toLowerCase().includes(last.text.toLowerCase());
      }
    }
    return found;
  }
  await changed();
}
