// A moment for what runs late; then everything that was seen.
new Promise((done) => setTimeout(done, 150)).then(() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return {
    Executed: window.__seen.executed,
    Violations: window.__seen.violations,
    Elsewhere: all.map((e) => e.name).filter((n) => !n.startsWith(location.origin + "/") && !n.startsWith("data:")),
    Bytes: all.reduce((sum, e) => sum + (e.transferSize || 0), 0),
    Files: all.length,
    Overflow: document.documentElement.scrollWidth > innerWidth + 1,
    Result: "",
    Findings: [],
  };
});
