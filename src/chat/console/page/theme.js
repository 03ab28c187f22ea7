// Runs before the page is drawn, so that a chosen theme never flashes. 'auto' follows the system.
(() => {
  const place = 'proxnix-theme';
  const order = ['auto', 'light', 'dark'];
  const read = () => {
    try {
      const kept = localStorage.getItem(place);
      return kept !== null && order.includes(kept) ? kept : 'auto';
    } catch {
      return 'auto';
    }
  };
  /** @param {string} theme */
  const show = (theme) => {
    document.documentElement.dataset['theme'] = theme;
    const button = document.getElementById('theme');
    if (button !== null) button.textContent = `Theme: ${theme}`;
  };
  show(read());
  document.addEventListener('DOMContentLoaded', () => {
    show(read());
    document.getElementById('theme')?.addEventListener('click', () => {
      const now = document.documentElement.dataset['theme'] ?? 'auto';
      const next = order[(order.indexOf(now) + 1) % order.length] ?? 'auto';
      try {
        localStorage.setItem(place, next);
      } catch {
        // Without storage the choice lasts as long as the page.
      }
      show(next);
    });
  });
})();
