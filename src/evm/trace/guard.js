(function (make) {
  "use strict";
  // What would run more code than was looked at, or call itself natively without end.
  delete globalThis.eval;
  delete globalThis.Proxy;
  delete Array.prototype.flat;
  delete Array.prototype.flatMap;
  // Lists in lists become text through functions, whose depth the runtime bounds.
  var join = Array.prototype.join;
  Array.prototype.join = function (separator) { return join.call(this, separator); };
  Array.prototype.toString = function () { return this.join(); };
  var refused = function () { throw new TypeError("code from text is not run in a tracer"); };
  [function () {}, function* () {}, async function () {}, async function* () {}].forEach(function (one) {
    Object.defineProperty(Object.getPrototypeOf(one), "constructor", { value: refused });
  });
  globalThis.Function = refused;

  var plain = JSON.stringify, isArray = Array.isArray, keys = Object.keys, CHUNK = 100000;
  // JSON, by a function whose depth the runtime bounds; one loop may not run over a long list.
  var encode = function (value) {
    if (value !== null && value !== undefined && typeof value.toJSON === "function") value = value.toJSON();
    if (value === null) return "null";
    if (typeof value === "bigint") return plain(String(value));
    if (typeof value !== "object") return plain(value);
    if (value instanceof String || value instanceof Number || value instanceof Boolean) return plain(value.valueOf());
    var list = isArray(value), names = list ? null : keys(value), length = list ? value.length : names.length;
    var text = "";
    for (var start = 0; start < length; start += CHUNK) {
      text += (text === "" ? "" : ",") + part(value, names, start, start + CHUNK < length ? start + CHUNK : length);
    }
    return list ? "[" + text + "]" : "{" + text + "}";
  };
  var part = function (value, names, start, end) {
    var text = "", item;
    for (var i = start; i < end; i++) {
      if (names === null) {
        item = encode(value[i]);
        text += (i === start ? "" : ",") + (item === undefined ? "null" : item);
      } else {
        item = encode(value[names[i]]);
        if (item !== undefined) text += (text === "" ? "" : ",") + plain(names[i]) + ":" + item;
      }
    }
    return text;
  };
  JSON.stringify = encode;

  var tracer = make();
  var error = null, running = null;
  var has = function (name) { return typeof tracer[name] === "function"; };
  var inside = function (name) { return "    in server-side tracer function '" + name + "'"; };
  if (has("enter") !== has("exit")) {
    throw new TypeError("trace object must expose either both or none of enter() and exit()");
  }
  var guard = function (name) {
    var inner = tracer[name];
    return function (a, b) {
      if (error !== null || running !== null) return;
      running = name;
      try { inner.call(tracer, a, b); } catch (thrown) { error = thrown + inside(name); }
      running = null;
    };
  };
  var outer = {};
  ["step", "fault", "enter", "exit"].forEach(function (name) { if (has(name)) outer[name] = guard(name); });
  if (has("setup")) {
    outer.setup = function (config) {
      tracer.setup(encode(config === null || config === undefined ? {} : config));
    };
  }
  if (has("result")) {
    // Text in any case: either the JSON of the result or, after a mark, what went wrong.
    outer.result = function (context, db) {
      if (running !== null) error = "RuntimeLimitError: exceeded a limit of the JavaScript runtime" + inside(running);
      if (error !== null) return "!" + error;
      var value;
      try { value = encode(tracer.result(context, db)); } catch (thrown) { return "!" + thrown + inside("result"); }
      // What leaves is text already.
      delete Object.prototype.toJSON;
      delete String.prototype.toJSON;
      return value === undefined ? "null" : value;
    };
  }
  return outer;
})(function () { return (/*CODE*/
); })
