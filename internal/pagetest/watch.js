// Notes what a page executes and what its policy reports.
window.__seen = { executed: [], violations: [] };
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => { window.__seen.executed.push(String(text)); };
document.addEventListener("securitypolicyviolation", (e) => {
  window.__seen.violations.push(`${e.effectiveDirective}: ${e.blockedURI} at ${e.sourceFile || document.location}:${e.lineNumber}`);
});
