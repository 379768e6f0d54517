// The laws of the algebra for generated capabilities, and `permits` against a few lines of JavaScript.

import { test } from 'node:test';

import { Capability } from 'ably-capability';
import fc from 'fast-check';

const segment = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('a', 'b', '*') }, { weight: 1, arbitrary: fc.constantFrom('a*', 'é', '🚀', '__proto__', 'constructor') });
const kind = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('[*]', '[queue]', '[meta]') });
const resource = fc.tuple(kind, fc.array(segment, { minLength: 1, maxLength: 4 })).map(([of, path]) => of + path.join(':'));
const named = fc.uniqueArray(fc.constantFrom('publish', 'subscribe', 'history', 'presence'), { minLength: 1 });
const operations = fc.oneof({ weight: 4, arbitrary: named }, { weight: 1, arbitrary: fc.constant(['*']) });
const object = fc.array(fc.tuple(resource, operations), { maxLength: 5 }).map(Object.fromEntries);
const capability = object.map((entries) => Capability.parse(entries));
const operation = fc.constantFrom('publish', 'subscribe', 'history', 'presence', 'teleport');
const name = fc.tuple(fc.constantFrom('', '', '', '[queue]', '[meta]'), fc.array(fc.constantFrom('a', 'b', 'z', 'a*', 'é'), { minLength: 1, maxLength: 5 })).map(([of, path]) => of + path.join(':'));

const law = (title, ...parts) => test(title, () => fc.assert(fc.property(...parts), { numRuns: 500 }));
const text = (value) => value.toString();

law('intersection is commutative, with the same text', capability, capability, (a, b) => text(a.intersect(b)) === text(b.intersect(a)));
law('intersection is idempotent, with the same text', capability, (a) => text(a.intersect(a)) === text(a));
law('intersection is associative', capability, capability, capability, (a, b, c) => a.intersect(b).intersect(c).equivalent(a.intersect(b.intersect(c))));
law('intersection permits what both permit', capability, capability, operation, name, (a, b, o, n) => a.intersect(b).permits(o, n) === (a.permits(o, n) && b.permits(o, n)));
law('union permits what either permits', capability, capability, operation, name, (a, b, o, n) => a.union(b).permits(o, n) === (a.permits(o, n) || b.permits(o, n)));
law('a covers b exactly if their intersection is b', capability, capability, (a, b) => a.covers(b) === a.intersect(b).equivalent(b));
law('a covers its intersections', capability, capability, (a, b) => a.covers(a.intersect(b)) && b.covers(a.intersect(b)));
law('minimal form is equivalent and stable', capability, (a) => a.minimal().equivalent(a) && text(a.minimal().minimal()) === text(a.minimal()));
law('equivalent capabilities have one minimal form', capability, capability, (a, b) => text(a.union(a.intersect(b)).minimal()) === text(a.minimal()));
law('canonical text is parsed to itself', capability, (a) => text(Capability.parse(text(a))) === text(a) && text(Capability.parse(a.toJSON())) === text(a));
law('explanation agrees with permits', capability, operation, resource, (a, o, n) => a.explain(o, n).permitted === a.permits(o, n));

/** Returns true if the segments of a resource match those of a name. */
function matches([pattern, ...patterns], [part, ...parts]) {
  if (part === undefined) return false;
  if (pattern === '*' && patterns.length === 0) return true;
  if (pattern !== '*' && pattern !== part) return false;
  return patterns.length === 0 ? parts.length === 0 : matches(patterns, parts);
}

function split(of) {
  const [, group = '', path] = /^(?:\[([^\]]*)\])?(.*)$/su.exec(of);
  return { group, path: path.split(':') };
}

law('permits agrees with a model', object, operation, name, (entries, o, n) => {
  const asked = split(n);
  const permitted = Object.entries(entries).some(([of, granted]) => {
    const { group, path } = split(of);
    return (granted.includes('*') || granted.includes(o)) && (group === '*' || group === asked.group) && matches(path, asked.path);
  });
  return Capability.parse(entries).permits(o, n) === permitted;
});
