// Fits the frame of the explorer into a page of the guide: as high as its content, and in the theme of the book.

const LIGHT = ['light', 'rust'];

function showTheme(frame) {
  const isLight = LIGHT.some((theme) => document.documentElement.classList.contains(theme));
  const root = frame.contentDocument?.documentElement;
  if (root) root.dataset.theme = isLight ? 'light' : 'dark';
}

function loaded(frame) {
  showTheme(frame);
  const { body } = frame.contentDocument;
  new ResizeObserver(() => {
    frame.style.height = `${Math.ceil(body.getBoundingClientRect().height) + 2}px`;
  }).observe(body);
}

for (const frame of document.querySelectorAll('iframe.explorer')) {
  frame.addEventListener('load', () => loaded(frame));
  // The frame may have been loaded before this script.
  if (frame.contentDocument?.readyState === 'complete' && frame.contentDocument.URL !== 'about:blank') loaded(frame);
  new MutationObserver(() => showTheme(frame)).observe(document.documentElement, { attributeFilter: ['class'] });
}
