/** My course: what a reader's `progress.json`, or the file of a hand-in, says is done and open.  It stays in the page. */

import { dropPlace } from "./drop.js";
import { html } from "./figures/figure.js";

/** The record in a file of either kind. */
export function recordOf(text) {
  const found = JSON.parse(text), record = found?.progress ?? found;
  if (record?.version !== 1 || typeof record.predictions !== "object" || typeof record.exercises !== "object") {
    throw new RangeError("it is no record of progress");
  }
  return record;
}

/** How many of some predictions were made, and how many were right at first of those that have one answer. */
export function share(kept, asked) {
  const made = asked.filter(({ name }) => kept[name]), judged = made.filter(({ right }) => right);
  const hits = judged.filter(({ name, right }) => right.includes(kept[name].first ?? kept[name].choice));
  return [`${made.length} of ${asked.length}`, judged.length ? `${hits.length} of ${judged.length}` : "–"];
}

/** The rows of a course: notebook by notebook, all together, and topic by topic, as `my_course` in `helpers/course` has them. */
export function rowsOf({ predictions, exercises }, { asked, tasks, titles }) {
  const done = (names) => `${names.filter((name) => exercises[name]?.solved).length} of ${names.length}`, names = Object.keys(tasks);
  const notebooks = Object.entries(titles).map(([stem, title]) => [title, ...share(predictions, asked.filter(({ notebook }) => notebook === stem)),
    done(names.filter((name) => tasks[name] === stem))]);
  const topics = [...new Set(asked.map(({ topic }) => topic))].map((topic) => [topic, ...share(predictions, asked.filter((one) => one.topic === topic))]);
  return { notebooks: [...notebooks, ["together", ...share(predictions, asked), done(names)]], topics };
}

function table(columns, rows) {
  const line = (cells, tag) => html("tr", {}, ...cells.map((cell) => html(tag, {}, cell)));
  return html("div", { class: "wide" }, html("table", {}, html("thead", {}, line(columns, "th")), html("tbody", {}, ...rows.map((row) => line(row, "td")))));
}

/**
 * Bring the page to life.
 *
 * @param {Element} host
 * @param {{asked: {name: string, notebook: string, topic: string, right: string|null}[], tasks: Object<string, string>,
 *          titles: Object<string, string>}} told predictions, exercises with their notebooks, and the notebooks
 */
export function myCourse(host, told) {
  const said = html("p", { role: "status", class: "answer" }), place = html("div");
  const open = async (file) => {
    try {
      const { notebooks, topics } = rowsOf(recordOf(await file.text()), told), columns = ["predictions made", "right at first"];
      place.replaceChildren(table(["notebook", ...columns, "exercises solved"], notebooks), table(["topic", ...columns], topics));
      said.textContent = `Read from ${file.name}; it has not left this page.`;
    } catch {
      said.textContent = `Expected your progress.json, or a file that you hand in; ${file.name} is neither.`;
    }
  };
  host.replaceChildren(html("section", { class: "live front" },
    ...dropPlace({ accept: ".json,application/json", words: "Choose your progress.json" }, open), said, place));
}
