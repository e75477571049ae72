"use strict";
(() => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(source);
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        button.textContent = "Selected";
      }
    });
  }
  const place = document.getElementById("viewer");
  if (!place) return;
  const status = document.getElementById("viewer-status");
  const inflate = async (id) => {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  // chemiscope's controls are icons: give each a name for screen readers.
  const nameControls = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) nameControls(element.shadowRoot);
      if (element.matches("button") && !element.getAttribute("aria-label")) {
        element.setAttribute("aria-label", element.textContent.trim() || element.title || "options of the picture");
      }
      if (element.matches("input, select") && !(element.labels && element.labels.length)) {
        element.setAttribute("aria-label", element.title || "structure");
      }
      if (element.matches("div[aria-expanded]")) element.removeAttribute("aria-expanded");
    }
  };
  let begun = false;
  const begin = async () => {
    if (begun) return;
    begun = true;
    status.textContent = "Loading the interactive map …";
    try {
      const library = document.createElement("script");
      library.textContent = await (await inflate("viewer-library")).text();
      document.head.append(library);
      const data = await (await inflate("viewer-points")).json();
      const atoms = await (await inflate("viewer-atoms")).arrayBuffer();
      const { counts, symbols } = data.packing;
      const starts = [];
      let place_in_file = 0;
      for (const count of counts) {
        starts.push(place_in_file);
        place_in_file += 64 + 6 * count + count + (count % 2);
      }
      const loadStructure = (index) => {
        const count = counts[index];
        const numbers = new Float32Array(atoms.slice(starts[index], starts[index] + 60));
        const [low, span] = [numbers.slice(9, 12), numbers.slice(12, 15)];
        const places = new Uint16Array(atoms.slice(starts[index] + 64, starts[index] + 64 + 6 * count));
        const kinds = new Uint8Array(atoms, starts[index] + 64 + 6 * count, count);
        const structure = { size: count, names: Array.from(kinds, (k) => symbols[k]), x: [], y: [], z: [] };
        for (let atom = 0; atom < count; atom += 1) {
          ["x", "y", "z"].forEach((axis, i) => {
            structure[axis].push(low[i] + (span[i] * places[3 * atom + i]) / 65535);
          });
        }
        const cell = Array.from(numbers.slice(0, 9));
        if (cell.some((value) => value !== 0)) structure.cell = cell;
        return structure;
      };
      place.classList.add("ready");
      const warnings = new Chemiscope.Warnings();
      warnings.addHandler((message) => { status.textContent = message; });
      const dataset = { meta: data.meta, structures: counts.map((size, i) => ({ size, data: String(i) })), properties: data.properties, settings: data.settings };
      const config = { meta: "viewer-meta", map: "viewer-map", info: "viewer-info" };
      const { map, info, indexer } = await Chemiscope.MapVisualizer.load(config, dataset, warnings);
      // The viewer of structures takes longer than the map where a processor draws: it comes with the first chosen point.
      let structures;
      const show = async (chosen) => {
        if (!structures) {
          document.getElementById("viewer-note").remove();
          structures = new Chemiscope.ViewersGrid("viewer-structure", indexer, dataset.structures, "structure", dataset.properties, undefined, 9, warnings);
          structures.loadStructure = loadStructure;
          structures.activeChanged = (viewer, point) => { map.setActive(viewer); info.show(point); };
          structures.onselect = (point) => { map.select(point); info.show(point); };
          structures.oncreate = (viewer, colour, point) => { map.addMarker(viewer, colour, point); info.show(point); };
          structures.onremove = (viewer) => map.removeMarker(viewer);
          structures.delayChanged = (delay) => { info.playbackDelay = delay; };
          map.activeChanged = (viewer, point) => { info.show(point); structures.setActive(viewer); };
          map.removeMarker("map-0");
          map.addMarker(structures.active, "red", chosen);
          structures.applySettings(data.settings.structure);
        }
        await structures.show(chosen);
        place.dataset.structure = chosen.structure;
        nameControls(place);
      };
      map.onselect = (point) => { info.show(point); show(point); };
      info.onchange = (point) => { info.show(point); map.select(point); show(point); };
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      nameControls(place);
      place.dataset.state = "ready";
      status.textContent = "Click a point to see its structure; the menu at the top left of the map chooses axes and colour.";
    } catch (error) {
      place.classList.remove("ready");
      place.dataset.state = "failed";
      status.textContent = `The interactive map needs a newer browser (${error}); the figures below show the same numbers.`;
    }
  };
  const button = document.getElementById("viewer-begin");
  button.hidden = false;
  button.addEventListener("click", () => { button.hidden = true; begin(); });
  new IntersectionObserver((entries, observer) => {
    if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); button.hidden = true; begin(); }
  }).observe(button);
})();
