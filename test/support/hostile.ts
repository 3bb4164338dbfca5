// What somebody could put into a node's name, a zone or a reason to deceive whoever reads it.
export const HOSTILE: Readonly<Record<string, string>> = {
  "a colour and a cleared screen": "node\u001b[2J\u001b[31m-1",
  "a window title by OSC": "node\u001b]0;all fine\u0007",
  "an eight-bit control sequence": "node\u009b31m",
  "a carriage return over the line": "node-1 loses all\rnode-1 is fine  ",
  "a line that looks like a verdict": "node-1\nnothing broken",
  "text turned round": "node-\u202e1 enif",
  "an isolate that is never closed": "node-\u2067abc",
  "names that differ by nothing seen": "node\u200b-1\ufeff\u00ad",
  "a line separator": "node\u2028nothing broken",
  "half a character": "node-\ud83d",
  "a tag out of sight": "node\u{e0041}",
  "a script": `<script>alert(1)</script>`,
  "an attribute that ends": `x" onmouseover="alert('1')`,
  "an entity": "&lt;b&gt; &#60;",
  "a NUL": "node\u0000-1",
};

/** Any of these reaching a screen as it is would be obeyed there, or not be seen. */
export const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
