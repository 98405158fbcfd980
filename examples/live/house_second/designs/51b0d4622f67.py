import heapq
import math
import re

from alma.memory import Episode, Memory, Recall, Situation, Toolkit

DIRS = ("north", "south", "east", "west", "up", "down")
OPP = {"north": "south", "south": "north", "east": "west", "west": "east", "up": "down", "down": "up"}
ROOM_RE = re.compile(r"-=\s*(.+?)\s*=-")
DIR_RE = re.compile(r"\b(north|south|east|west)\b")
DOOR_RE = re.compile(r"\b(closed|open|opened|locked) ([a-z][\w' \-]*?) leading (north|south|east|west)")
TAKE_RE = re.compile(r"^(?:take|pick up|get) (.+?)(?: from (.+))?$")
PUT_RE = re.compile(r"^(?:put|insert|place) (.+?) (?:on|onto|into|in) (.+)$")
ART = r"(?:the |a |an |some )?"


def parse_goal(goal):
    g = " ".join((goal or "").lower().split()).strip(" .!?")
    item = None
    target = None
    m = re.search(r"\b(?:bring|put|carry|move|deliver|place|take|get|insert|drop) " + ART
                  + r"(.+?) (?:to|on|onto|in|into|at|inside) (?:the |a |an )?(.+)$", g)
    if m:
        item, target = m.group(1).strip(), m.group(2).strip()
    if item is None or item in ("it", "them"):
        m = re.search(r"\b(?:find|take|get|fetch|grab|pick up) " + ART
                      + r"(.+?)(?:,? (?:and|then) (?:take|get|pick|grab|bring|put|carry|move|deliver|place).*)?$", g)
        if m:
            item = m.group(1).strip()
    if item in ("it", "them"):
        item = None
    return item, target


class View:
    """What one episode shows: rooms, ways, fixed things, where items were, what was looked into."""

    def __init__(self):
        self.room = None
        self.adm = ()
        self.exits = {}
        self.edges = {}
        self.doors = {}
        self.closed_doors = {}
        self.nouns = {}
        self.hits = {}
        self.now = {}
        self.exposed = set()
        self.closed = set()
        self.openable = set()
        self.last_adm = {}
        self.taken = set()
        self.held = set()

    def see(self, action, obs, adm):
        text = " ".join((obs or "").lower().split())
        action = " ".join((action or "").lower().split())
        before = self.room
        m = ROOM_RE.search(text)
        if m:
            self.room = m.group(1)
            body = text[m.end():]
            self.exits[self.room] = set(DIR_RE.findall(body))
            closed = {}
            for state, name, way in DOOR_RE.findall(body):
                self.doors[(self.room, way)] = name
                if state in ("closed", "locked"):
                    closed[way] = name
            self.closed_doors[self.room] = closed
            if action.startswith("go ") and before and before != self.room:
                way = action[3:].strip()
                if way in OPP:
                    self.edges[(before, way)] = self.room
                    self.edges[(self.room, OPP[way])] = before
        room = self.room
        m = TAKE_RE.match(action)
        if m and re.search(r"\byou (?:take|pick)", text):
            self.taken.add(m.group(1))
            self.held.add(m.group(1))
            self.now.pop(m.group(1), None)
        m = PUT_RE.match(action)
        if m and re.search(r"\byou (?:put|insert|place)", text):
            self.held.discard(m.group(1))
        if action.startswith("drop ") and "you drop" in text:
            self.held.discard(action[5:])
        if room is None or adm is None:
            self.adm = tuple(adm or ())
            return
        self.adm = tuple(" ".join(a.lower().split()) for a in adm)
        if not self.adm:
            return
        self.last_adm[room] = self.adm
        doors = {n for (r, _), n in self.doors.items() if r == room}
        nouns = self.nouns.setdefault(room, set())
        opens = set()
        here = set()
        for a in self.adm:
            if a.startswith("open "):
                opens.add(a[5:])
            m = TAKE_RE.match(a)
            if m:
                thing, cont = m.group(1), m.group(2) or ""
                here.add(thing)
                self.now[thing] = (room, cont)
                self.exposed.add((room, cont))
                if cont:
                    nouns.add(cont)
                if thing not in self.taken:
                    self.hits.setdefault(thing, set()).add((room, cont))
            if a.startswith("drop "):
                self.held.add(a[5:])
            m = PUT_RE.match(a)
            if m:
                self.held.add(m.group(1))
                nouns.add(m.group(2))
        for thing in [t for t, (r, c) in self.now.items() if r == room and t not in here and c not in opens]:
            if thing not in self.held:
                self.now.pop(thing)
        self.exposed.add((room, ""))
        for a in self.adm:
            for verb in ("examine ", "open ", "close "):
                if a.startswith(verb):
                    n = a[len(verb):]
                    if n in doors or n.endswith(" door") or n in here or n in self.held or n in self.taken:
                        continue
                    nouns.add(n)
                    if verb != "examine ":
                        self.openable.add((room, n))
        for n in nouns:
            if n in opens:
                self.closed.add((room, n))
            else:
                self.closed.discard((room, n))
                self.exposed.add((room, n))


def view_of(situation, steps):
    v = View()
    v.see("", situation.observation, situation.admissible)
    for s in steps:
        v.see(s.action, s.observation, s.admissible)
    return v


class House:
    def __init__(self):
        self.size = 0
        self.exits = {}
        self.edges = {}
        self.doors = {}
        self.nouns = {}

    def add(self, v):
        self.size += 1
        for r, e in v.exits.items():
            self.exits.setdefault(r, set(e))
        for k, r in v.edges.items():
            self.edges.setdefault(k, r)
        for k, d in v.doors.items():
            self.doors.setdefault(k, d)
        for r, ns in v.nouns.items():
            self.nouns.setdefault(r, set()).update(ns)

    def match(self, v):
        s = 0.0
        for r, e in v.exits.items():
            if r in self.exits:
                s += 1.0 if self.exits[r] == e else -5.0
        for k, r in v.edges.items():
            if k in self.edges:
                s += 1.0 if self.edges[k] == r else -6.0
        for k, d in v.doors.items():
            if k in self.doors:
                s += 1.5 if self.doors[k] == d else -1.0
        return s


def head(name):
    return name.split()[-1] if name else ""


class HouseAtlas(Memory):
    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.kit = kit
        self.views = []
        self.houses = []
        self.items = set()
        self.embedded = set()
        self.hits = {}
        self.exposure = {}
        self.present = {}
        self.visits = {}
        self.openable = set()

    # ---------- learning ----------

    def rebuild(self):
        self.items = set()
        for v in self.views:
            self.items.update(v.hits)
            self.items.update(v.taken)
        self.hits, self.exposure, self.present, self.visits = {}, {}, {}, {}
        self.openable = set()
        for v in self.views:
            for thing, places in v.hits.items():
                d = self.hits.setdefault(thing, {})
                for p in places:
                    d[p] = d.get(p, 0) + 1
            for p in v.exposed:
                if p[1] not in self.items:
                    self.exposure[p] = self.exposure.get(p, 0) + 1
            for r, ns in v.nouns.items():
                self.visits[r] = self.visits.get(r, 0) + 1
                d = self.present.setdefault(r, {})
                for n in ns:
                    if n not in self.items:
                        d[n] = d.get(n, 0) + 1
            self.openable.update(v.openable)
        self.houses = []
        for v in sorted(self.views, key=lambda x: (-len(x.edges), -len(x.exits))):
            best, score = None, 0.0
            for h in self.houses:
                s = h.match(v)
                if s > score:
                    best, score = h, s
            if best is None:
                best = House()
                self.houses.append(best)
            best.add(v)

    async def update(self, episode: Episode) -> None:
        self.views.append(view_of(episode.situation, episode.steps))
        self.rebuild()
        new = sorted(self.items - self.embedded)
        vec = self.kit.vectors("items")
        for name in new:
            await vec.add(name, name, name)
            self.embedded.add(name)

    # ---------- where things may be ----------

    async def beliefs(self, item):
        exact, kin = {}, {}
        n_exact = 0
        near = {}
        if self.embedded:
            for sim, key, _ in await self.kit.vectors("items").search(item, k=12):
                near[key] = max(0.0, float(sim))
        for thing, places in self.hits.items():
            if thing == item:
                n_exact = sum(places.values())
                for p, n in places.items():
                    exact[p] = n / (self.exposure.get(p, n) + 1.0)
                continue
            w = 0.02 + near.get(thing, 0.0) ** 3
            if head(thing) == head(item):
                w += 0.6
            for p, n in places.items():
                kin[p] = kin.get(p, 0.0) + w * n / (self.exposure.get(p, n) + 3.0)
        out = {}
        te, tk = sum(exact.values()), sum(kin.values())
        for p in set(exact) | set(kin):
            a = exact.get(p, 0.0) / te if te else 0.0
            b = kin.get(p, 0.0) / tk if tk else 0.0
            out[p] = (n_exact * a + 1.0 * b) / (n_exact + 1.0)
        return out

    # ---------- the map ----------

    def chart(self, v):
        ranked = []
        for h in self.houses:
            s = h.match(v) + 0.3 * math.log(1 + h.size)
            ranked.append((s, h))
        ranked.sort(key=lambda x: -x[0])
        edges, exits, doors, nouns = {}, {}, {}, {}
        if ranked:
            top_s, top = ranked[0]
            votes = {}
            for s, h in ranked[:12]:
                w = math.exp(max(-30.0, 1.5 * (s - top_s)))
                if w < 1e-4:
                    continue
                for k, r in h.edges.items():
                    if k[0] in top.exits and k[1] not in top.exits[k[0]]:
                        continue
                    d = votes.setdefault(k, {})
                    d[r] = d.get(r, 0.0) + w
            for k, d in votes.items():
                edges[k] = max(sorted(d), key=lambda r: d[r])
            exits = {r: set(e) for r, e in top.exits.items()}
            doors = dict(top.doors)
            nouns = {r: set(n) for r, n in top.nouns.items()}
        exits.update(v.exits)
        doors.update(v.doors)
        edges.update(v.edges)
        edges = {k: r for k, r in edges.items() if k[0] not in exits or k[1] in exits[k[0]]}
        return edges, exits, doors, nouns

    def passable(self, v, room, way):
        adm = v.last_adm.get(room)
        if adm is None or "go " + way in adm:
            return True
        return self.door_for(v, room, way) is not None

    def door_for(self, v, room, way):
        adm = v.last_adm.get(room, ())
        name = v.doors.get((room, way))
        if name is not None:
            if "open " + name in adm:
                return name
            for a in adm:
                if a.startswith("open ") and (name.endswith(a[5:]) or a[5:].endswith(name)):
                    return a[5:]
        else:
            for a in adm:
                if a.startswith("open ") and a.endswith(" door"):
                    return a[5:]
        return None

    def routes(self, v, edges, exits, doors):
        """Cheapest ways from the present room: room -> (cost, [(room, way), ...]), and open ends."""
        dist = {v.room: (0, [])}
        frontier = []
        done = set()
        heap = [(0, 0, v.room)]
        count = 0
        while heap:
            cost, _, room = heapq.heappop(heap)
            if room in done:
                continue
            done.add(room)
            path = dist[room][1]
            ways = set(exits.get(room, ())) | {k[1] for k in edges if k[0] == room}
            for way in sorted(ways):
                if not self.passable(v, room, way):
                    continue
                step = 1
                adm = v.last_adm.get(room)
                if adm is not None:
                    if "go " + way not in adm:
                        step = 2
                elif (room, way) in doors:
                    step = 2
                to = edges.get((room, way))
                if to is None:
                    frontier.append((cost + step, path + [(room, way)]))
                    continue
                if to not in dist or dist[to][0] > cost + step:
                    dist[to] = (cost + step, path + [(room, way)])
                    count += 1
                    heapq.heappush(heap, (cost + step, count, to))
        frontier.sort(key=lambda x: x[0])
        return dist, frontier

    def walk(self, v, path):
        lines = []
        for i, (room, way) in enumerate(path):
            if i == 0 and v.adm and "go " + way not in v.adm:
                name = self.door_for(v, room, way)
                if name:
                    lines.append("open " + name)
            elif i == 0 and not v.adm:
                name = v.closed_doors.get(room, {}).get(way)
                if name:
                    lines.append("open " + name)
            lines.append("go " + way)
        return lines

    def guess(self, room, way):
        """Where an unknown way leads in any house, as shares."""
        d = {}
        for h in self.houses:
            r = h.edges.get((room, way))
            if r:
                d[r] = d.get(r, 0.0) + 1.0
        t = sum(d.values())
        return {r: n / (t + 1.0) for r, n in d.items()}

    # ---------- what to do next ----------

    def find_item(self, v, item):
        for name in [item] + sorted((t for t in v.now if t and item.endswith(" " + t)), key=len, reverse=True):
            if name in v.now:
                return name
        return None

    def deliver(self, v, item, target, edges, exits, doors, nouns):
        for a in v.adm:
            m = PUT_RE.match(a)
            if m and m.group(1) == item and m.group(2) == target:
                return [a, "put " + item]
        rooms = [r for r, ns in v.nouns.items() if target in ns]
        if target in exits or any(target in h.exits for h in self.houses):
            if v.room == target:
                return ["drop " + item, "drop"]
            rooms = rooms or [target]
        if v.room in rooms and (v.room, target) in v.closed:
            return ["open " + target, "insert " + item + " into " + target]
        dist, frontier = self.routes(v, edges, exits, doors)
        if not rooms:
            score = {}
            for r, d in self.present.items():
                if target in d and r not in v.nouns:
                    score[r] = d[target] / (self.visits.get(r, 0) + 1.0)
                    if target in nouns.get(r, ()):
                        score[r] += 1.0
            rooms = sorted(score, key=lambda r: -score[r] / (dist[r][0] + 4.0 if r in dist else 12.0))
        put = "put " + item + " on " + target
        for r in rooms:
            if r == v.room:
                return [put, "insert " + item + " into " + target]
            if r in dist:
                return self.walk(v, dist[r][1]) + [put]
        best = None
        for cost, path in frontier:
            g = self.guess(*path[-1])
            val = (0.1 + sum(g.get(r, 0.0) for r in rooms)) / (cost + 1.0)
            if best is None or val > best[0]:
                best = (val, path)
        if best:
            return self.walk(v, best[1]) + [put]
        return None

    def hunt(self, v, item, belief, edges, exits, doors, nouns):
        take = "take " + item
        dist, frontier = self.routes(v, edges, exits, doors)
        name = self.find_item(v, item)
        if name is not None:
            room, cont = v.now[name]
            take = "take " + name + (" from " + cont if cont else "")
            if room == v.room:
                if v.adm and take not in v.adm and cont and "open " + cont in v.adm:
                    return ["open " + cont, take]
                return [take, "take " + name]
            if room in dist:
                return self.walk(v, dist[room][1]) + [take]
        best = None

        def offer(value, lines):
            nonlocal best
            if lines and (best is None or value > best[0] + 1e-9):
                best = (value, lines)

        # closed things in the rooms that were seen
        for room, cont in sorted(v.closed):
            if room not in dist or cont in self.items or (room, cont) in v.exposed:
                continue
            if room == v.room and "open " + cont not in v.adm:
                continue
            p = belief.get((room, cont), 0.0) + 0.015
            for (r2, c2), q in belief.items():
                if c2 == cont and r2 != room:
                    p += 0.2 * q
            offer(p / (dist[room][0] + 1.0), self.walk(v, dist[room][1]) + ["open " + cont, take])
        # rooms that were not seen yet
        mass = {}
        for room in set(self.present) | set(exits) | {p[0] for p in belief}:
            if room in v.nouns:
                continue
            parts = [(belief.get((room, ""), 0.0) + 0.01, 0)]
            for cont, n in self.present.get(room, {}).items():
                p = belief.get((room, cont), 0.0) + 0.004
                if room in nouns:
                    p *= 1.0 if cont in nouns[room] else 0.1
                else:
                    p *= n / (self.visits.get(room, n) + 0.5)
                parts.append((p, 1 if (room, cont) in self.openable else 0))
            mass[room] = parts
            if room in dist and dist[room][0] > 0:
                d = dist[room][0]
                value = sum(p / (d + c) for p, c in parts)
                first = max(parts, key=lambda x: x[0])
                lines = self.walk(v, dist[room][1])
                if first[1]:
                    conts = [c for c in self.present.get(room, {}) if (room, c) in self.openable]
                    if conts:
                        c = max(sorted(conts), key=lambda x: belief.get((room, x), 0.0))
                        lines = lines + ["open " + c]
                offer(value, lines + [take])
        # ways that nobody knows
        lost = {r: sum(p for p, _ in parts) for r, parts in mass.items() if r not in dist}
        for cost, path in frontier:
            g = self.guess(*path[-1])
            share = sum(g.get(r, 0.0) * m for r, m in lost.items())
            rest = sum(lost.values()) / (len(frontier) + 1.0)
            offer((0.5 * share + 0.5 * rest + 0.01) / (cost + 0.5), self.walk(v, path) + [take])
        return best[1] if best else None

    async def advise(self, situation, history):
        item, target = parse_goal(situation.goal)
        if not item:
            return None
        v = view_of(situation, history)
        if v.room is None:
            return None
        edges, exits, doors, nouns = self.chart(v)
        carried = None
        for t in sorted(v.held, key=len, reverse=True):
            if t == item or item.endswith(" " + t):
                carried = t
                break
        if carried is not None and target:
            lines = self.deliver(v, carried, target, edges, exits, doors, nouns)
            # On the way no line may name the carried thing: such a line is read as a hint
            # and draws the agent to put, cook or examine it in whatever room it stands.
            if lines and carried not in lines[0]:
                lines = [s for s in lines if carried not in s] + ["examine " + target]
        else:
            belief = await self.beliefs(item)
            lines = self.hunt(v, item, belief, edges, exits, doors, nouns)
        if not lines:
            return None
        return self.chorus(situation.goal, lines[:12], len(history))

    def chorus(self, goal, lines, step):
        """Several lists with one first action, so that their weights add up on it.

        The tail spells the number of the step: no list equals one of an earlier recall,
        and so each is read from its first line."""
        tail = ["look" if step >> k & 1 else "inventory" for k in range(5)]
        plans = [lines + tail] + [[lines[0]] * n + tail for n in (1, 2, 3)]
        heading = " ".join((goal or "").split())
        blocks = []
        for plan in plans:
            blocks.append(heading + ":\n" + "\n".join("  - " + s for s in plan))
        return Recall(show="\n".join(blocks), keep=None)

    async def retrieve(self, situation: Situation):
        return await self.advise(situation, ())

    async def on_step(self, situation: Situation, history):
        return await self.advise(situation, history)