(function (make) {
  "use strict";
  var stringify = JSON.stringify;
  // Large numbers leave as text.
  BigInt.prototype.toJSON = function () { return String(this); };

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
      tracer.setup(stringify(config === null || config === undefined ? {} : config));
    };
  }
  if (has("result")) {
    // Text in any case: either the JSON of the result or, after a mark, what went wrong.
    outer.result = function (context, db) {
      if (running !== null) error = "RuntimeLimitError: exceeded a limit of the JavaScript runtime" + inside(running);
      if (error !== null) return "!" + error;
      var value;
      try { value = stringify(tracer.result(context, db)); } catch (thrown) { return "!" + thrown + inside("result"); }
      // What leaves is text already.
      delete Object.prototype.toJSON;
      delete String.prototype.toJSON;
      return value === undefined ? "null" : value;
    };
  }
  return outer;
})(function () { return (
/*CODE*/
); })
