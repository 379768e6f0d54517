// A service, a browser, and pages that fail their test if they do what no page of this project may do.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';

import { Service } from './service.mjs';

const modules = createRequire(`${process.env.MODULES}/`);
const { chromium } = modules('playwright-core');

// Chromium must not call home: a request that is not the page's would be taken for one.
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// Longer than any step takes on a busy machine. Only a failing test waits so long.
const LONGEST_MS = 60_000;

// Starts a browser with a new profile, which is deleted at its end.
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });

// Registers a service and a browser for all tests of a file. `prepare` gets the service before the first test.
export function stage({ prepare = () => {}, ...options } = {}) {
  const own = { service: null, browser: null };
  before(async () => {
    [own.service, own.browser] = await Promise.all([Service.start(options), launch()]);
    await prepare(own.service);
  });
  after(async () => {
    await own.browser?.close();
    await own.service?.stop();
  });
  return {
    get service() {
      return own.service;
    },
    set service(next) {
      own.service = next;
    },
    get browser() {
      return own.browser;
    },
    // Opens a view of the console, and returns its page.
    visit: (t, view, settings) => visit(t, own.browser, `${own.service.url}/console#/${view}`, settings),
  };
}

// Opens an address in a new context, and watches its page until the test ends. `forgives` is what the test provokes: a
// pattern of error messages.
export async function visit(t, browser, address, { forgives = null, ...settings } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...settings });
  context.setDefaultTimeout(LONGEST_MS);
  const page = await context.newPage();
  const faults = await watch(page, new URL(address).origin);
  t.after(async () => {
    await context.close();
    const unforgiven = faults.filter((fault) => !forgives?.test(fault));
    assert.deepEqual(unforgiven, [], 'the page did what it may not do');
  });
  await page.goto(address);
  return page;
}

// Collects errors of the page, violations of its policy, and requests to elsewhere.
async function watch(page, origin) {
  const faults = [];
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) faults.push(`request to ${url}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.stack}`));
  await page.exposeFunction('reportViolation', (text) => faults.push(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return faults;
}

// Repeats a check until it passes, and fails with its last error.
export async function eventually(check) {
  const end = performance.now() + LONGEST_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

// Waits until an element with this text is visible, and returns it. `where` is a page, or a part of one.
export async function see(where, text, selector = '*') {
  const found = where.locator(selector).filter({ hasText: text, visible: true }).last();
  await found.waitFor();
  return found;
}
