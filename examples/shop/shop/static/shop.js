// Suggestions while a visitor types. Without this script the shop works the
// same: the form is an ordinary one.
(() => {
  "use strict";
  const field = document.querySelector("#q");
  const list = document.querySelector("#suggestions");
  if (field && list) {
    let asked = 0;
    const suggest = async () => {
      const q = field.value.trim();
      const mine = ++asked;
      if (q.length < 2) {
        list.hidden = true;
        return;
      }
      const answer = await fetch("/api/products?q=" + encodeURIComponent(q));
      if (!answer.ok || mine !== asked) return;
      const { products } = await answer.json();
      list.replaceChildren(...products.slice(0, 4).map((p) => {
        const link = document.createElement("a");
        link.href = "/product/" + p.id;
        link.textContent = p.name;
        return link;
      }));
      list.hidden = products.length === 0;
    };
    field.addEventListener("input", () => suggest().catch(() => { list.hidden = true; }));
    document.addEventListener("click", (e) => {
      if (!list.contains(e.target)) list.hidden = true;
    });
  }

  // One order is enough: the button says that it has heard.
  const checkout = document.querySelector("#checkout");
  if (checkout) {
    checkout.addEventListener("submit", () => {
      const button = checkout.querySelector("#place-order");
      button.textContent = "Placing your order…";
      button.disabled = true;
    });
  }
})();
