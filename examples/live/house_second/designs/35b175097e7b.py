import re
from collections import Counter
from heapq import heappop, heappush

import numpy as np

from alma.memory import Memory

DIRS = ("north", "south", "east", "west")
BACK = {"north": "south", "south": "north", "east": "west", "west": "east"}
HEAD = re.compile(r"-=\s*(.+?)\s*=-")
DIRWORD = re.compile(r"\b(north|south|east|west)\b")
DOOR = re.compile(r"\b(?:closed|open|opened|locked)\s+([a-z][a-z' -]*?)\s+(?:leading|to the)\s+(north|south|east|west)\b")


def clean(text):
    return " ".join(str(text or "").lower().split())


def is_door(name):
    return name.endswith(("door", "gate", "hatch", "gateway", "doorway", "portal"))


def parse_goal(goal):
    g = clean(goal).rstrip(".! ")
    art = r"(?:the |some |an |a )?"
    m = re.match(r"(?:bring|take|carry|put|move|deliver|place) " + art + r"(.+?) (?:to|on|onto|in|into) " + art + r"(.+)$", g)
    if m:
        return m.group(1), m.group(2)
    m = re.match(r"(?:find|get|fetch|take|locate) " + art + r"(.+?)(?: and (?:take|get|pick).*)?$", g)
    if m:
        return m.group(1), None
    return g, None


class Walk:
    """What one episode has shown so far: map, doors, containers, things."""

    def __init__(self, situation, steps):
        self.room = None
        self.start = None
        self.exits = {}
        self.edges = {}
        self.doors = {}
        self.closed = {}
        self.opened = {}
        self.first = {}
        self.last = {}
        self.named = {}
        self.known_doors = set()
        self.containers = set()
        self.adm = ()
        self.held = set()
        self.state(None, situation.observation, situation.admissible, None)
        self.start = self.room
        for s in steps:
            self.state(clean(s.action), s.observation, s.admissible, s.error)

    def state(self, action, observation, admissible, error):
        text = clean(observation)
        m = HEAD.search(text)
        before = self.room
        if m:
            room = m.group(1)
            if action and action.startswith("go ") and before and room != before:
                d = action[3:].strip()
                if d in BACK:
                    self.edges[(before, d)] = room
                    self.edges.setdefault((room, BACK[d]), before)
                    self.exits.setdefault(before, set()).add(d)
            self.room = room
            ex = self.exits.setdefault(room, set())
            ex.update(DIRWORD.findall(text[m.end():]))
            for name, d in DOOR.findall(text[m.end():]):
                self.doors.setdefault(room, {})[d] = name
                self.known_doors.add(name)
        room = self.room
        self.adm = tuple(clean(c) for c in (admissible or ()))
        if room is None:
            return
        closed = self.closed.setdefault(room, set())
        opened = self.opened.setdefault(room, set())
        self.held = set()
        if action and not error and action.startswith("open "):
            name = action[5:]
            if name in closed:
                closed.discard(name)
                opened.add(name)
        for c in self.adm:
            verb, _, rest = c.partition(" ")
            if verb == "go":
                if rest in BACK:
                    self.exits.setdefault(room, set()).add(rest)
            elif verb == "take" and rest:
                thing, _, holder = rest.partition(" from ")
                self.first.setdefault(thing, (room, holder or "floor"))
                self.last[thing] = (room, holder or "floor")
            elif verb == "open":
                if not (is_door(rest) or rest in self.known_doors):
                    closed.add(rest)
                    self.containers.add(rest)
            elif verb == "close":
                if not (is_door(rest) or rest in self.known_doors):
                    closed.discard(rest)
                    opened.add(rest)
                    self.containers.add(rest)
            elif verb == "drop":
                self.held.add(rest)
            elif verb in ("put", "insert"):
                thing = re.split(r" (?:on|into|in|onto) ", rest)[0]
                self.held.add(thing)
            elif verb == "examine":
                self.named.setdefault(room, set()).add(rest)
        if not self.adm and action:
            m2 = re.match(r"take (.+?)(?: from .*)?$", action)
            if m2 and not error:
                self.held.add(m2.group(1))

    def fixtures(self):
        things = set(self.first) | self.held
        out = {}
        for room, names in self.named.items():
            keep = {n for n in names if n not in things and not is_door(n) and n not in self.known_doors}
            keep |= self.closed.get(room, set()) | self.opened.get(room, set())
            out[room] = keep
        return out


def fresh(ep):
    return {
        "exits": {r: set(x) for r, x in ep["exits"].items()},
        "edges": dict(ep["edges"]),
        "doors": set(ep["doors"]),
        "fix": {r: set(x) for r, x in ep["fix"].items()},
        "starts": Counter(ep["starts"]),
        "n": ep["n"],
    }


def absorb(a, b):
    for r, x in b["exits"].items():
        a["exits"].setdefault(r, set()).update(x)
    for k, v in b["edges"].items():
        a["edges"].setdefault(k, v)
    a["doors"] |= b["doors"]
    for r, x in b["fix"].items():
        a["fix"].setdefault(r, set()).update(x)
    a["starts"].update(b["starts"])
    a["n"] += b["n"]


def agreement(a, b):
    """Score of two maps being one house; None when they contradict."""
    rooms = 0
    for r, x in b["exits"].items():
        y = a["exits"].get(r)
        if y is not None:
            if x != y:
                return None
            rooms += 1
    links = 0
    for k, v in b["edges"].items():
        w = a["edges"].get(k)
        if w is not None:
            if w != v:
                return None
            links += 1
    if links == 0:
        return None
    return rooms + links / 2


def cluster(episodes):
    houses = []
    for ep in sorted(episodes, key=lambda e: -len(e["edges"])):
        best, top = None, 2.9
        for h in houses:
            s = agreement(h, ep)
            if s is not None and s > top:
                best, top = h, s
        if best is None:
            houses.append(fresh(ep))
        else:
            absorb(best, ep)
    while True:
        pick, top = None, 2.9
        for i in range(len(houses)):
            for j in range(i + 1, len(houses)):
                s = agreement(houses[i], houses[j])
                if s is not None and s > top:
                    pick, top = (i, j), s
        if pick is None:
            return houses
        absorb(houses[pick[0]], houses[pick[1]])
        del houses[pick[1]]


class HouseNavigator(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.episodes = []
        self.houses = []
        self.seen = {}          # thing -> Counter of (room, holder)
        self.room_n = Counter()  # room -> episodes that saw it
        self.open_n = Counter()  # (room, container) -> episodes that looked in
        self.has_n = Counter()   # (room, fixture) -> episodes
        self.containers = set()
        self.put_word = {}       # fixture -> form of the put command
        self.vec = {}

    async def update(self, episode):
        w = Walk(episode.situation, episode.steps)
        if w.start is None:
            return
        fix = w.fixtures()
        for r in w.exits:
            self.room_n[r] += 1
            for c in w.opened.get(r, ()):
                self.open_n[(r, c)] += 1
            for f in fix.get(r, ()):
                self.has_n[(r, f)] += 1
        self.containers |= w.containers
        new = []
        for thing, place in w.first.items():
            if thing not in self.seen:
                self.seen[thing] = Counter()
                new.append(thing)
            self.seen[thing][place] += 1
        for s in episode.steps:
            for c in s.admissible or ():
                m = re.match(r"(put|insert) .+? (on|into|in|onto) (.+)$", clean(c))
                if m:
                    self.put_word[m.group(3)] = (m.group(1), m.group(2))
        if new:
            rows = await self.kit.embed(new)
            for name, v in zip(new, rows):
                self.vec[name] = np.asarray(v, dtype=float)
        if w.edges:
            self.episodes.append({
                "exits": w.exits, "edges": w.edges, "fix": fix, "n": 1,
                "doors": {(r, d) for r, x in w.doors.items() for d in x},
                "starts": Counter([w.start]),
            })
            self.houses = cluster(self.episodes)

    async def retrieve(self, situation):
        return await self.advise(situation, ())

    async def on_step(self, situation, history):
        return await self.advise(situation, history)

    # ---- where a thing may be -------------------------------------------

    def shares(self, thing):
        out = {}
        for (room, holder), n in self.seen[thing].items():
            base = self.open_n[(room, holder)] if holder in self.containers else self.room_n[room]
            out[(room, holder)] = n / (max(base, n) + 1.0)
        total = sum(out.values()) or 1.0
        return {k: v / total for k, v in out.items()}

    async def places(self, item):
        """(room, holder) -> chance that the item is there."""
        out = Counter()
        if not self.seen:
            return out
        names = list(self.seen)
        own = sum(self.seen[item].values()) if item in self.seen else 0
        if own:
            for k, v in self.shares(item).items():
                out[k] += own * v
        if own < 6:
            v = self.vec.get(item)
            if v is None:
                v = np.asarray((await self.kit.embed([item]))[0], dtype=float)
            last = item.split()[-1]
            scored = []
            for n in names:
                if n == item or n not in self.vec:
                    continue
                s = float(v @ self.vec[n])
                if n.split()[-1] == last:
                    s += 0.5
                scored.append((s, n))
            scored.sort(reverse=True)
            for rank, (s, n) in enumerate(scored[:5]):
                amount = 0.6 * max(s, 0.05) / (1 + rank) * min(3, sum(self.seen[n].values())) / 3
                for k, x in self.shares(n).items():
                    out[k] += amount * x
        for n in names:
            for k, x in self.shares(n).items():
                out[k] += 0.15 * x / len(names)
        total = sum(out.values()) or 1.0
        return Counter({k: x / total for k, x in out.items()})

    # ---- which house this is ----------------------------------------------

    def house(self, w):
        best, top = None, 0.0
        doors = {(r, d) for r, x in w.doors.items() for d in x}
        for h in self.houses:
            s = 0.0
            for r, x in w.exits.items():
                y = h["exits"].get(r)
                if y is not None:
                    s += 1.0 if x == y else -3.0
                    if x == y:
                        for d in x:
                            s += 0.15 if ((r, d) in doors) == ((r, d) in h["doors"]) else -0.15
            for k, v in w.edges.items():
                u = h["edges"].get(k)
                if u is not None:
                    s += 1.0 if u == v else -3.0
            s += 0.3 * float(np.log1p(h["starts"][w.start])) + 0.05 * float(np.log1p(h["n"]))
            if s > top:
                best, top = h, s
        return best

    def atlas(self, w, h):
        """Edges and exits of the live map, completed by the house."""
        edges, exits, doors = {}, {}, set()
        if h:
            edges.update(h["edges"])
            exits.update({r: set(x) for r, x in h["exits"].items()})
            doors |= h["doors"]
        for r, x in w.exits.items():
            exits[r] = set(x)
            for d in DIRS:
                if d not in x:
                    edges.pop((r, d), None)
        edges.update(w.edges)
        for r, x in w.doors.items():
            doors |= {(r, d) for d in x}
        return edges, exits, doors

    def routes(self, w, edges, doors):
        crossed = set()
        for (r, d), n in w.edges.items():
            crossed.add((r, d))
            crossed.add((n, BACK[d]))
        dist, prev, heap = {w.room: 0.0}, {}, [(0.0, w.room)]
        out = {}
        for (r, d), n in edges.items():
            out.setdefault(r, []).append((d, n))
        while heap:
            c, r = heappop(heap)
            if c > dist[r]:
                continue
            for d, n in out.get(r, ()):
                if r == w.room and w.adm:
                    step = 1.0 if "go " + d in w.adm else 2.0
                else:
                    step = 1.7 if (r, d) in doors and (r, d) not in crossed else 1.0
                if c + step < dist.get(n, 1e9):
                    dist[n] = c + step
                    prev[n] = (r, d)
                    heappush(heap, (c + step, n))
        return dist, prev

    def path(self, w, prev, room):
        moves, on_way = [], [room]
        while room != w.room:
            room, d = prev[room]
            moves.append((room, d))
            on_way.append(room)
        moves.reverse()
        return moves, on_way

    def walk_lines(self, w, moves):
        lines = []
        for i, (r, d) in enumerate(moves):
            name = w.doors.get(r, {}).get(d)
            if i == 0 and w.adm and "go " + d not in w.adm:
                if name and "open " + name in w.adm:
                    lines.append("open " + name)
                else:
                    for c in w.adm:
                        if c.startswith("open ") and is_door(c):
                            lines.append(c)
                            break
            lines.append("go " + d)
        return lines

    def behind(self, room, direction, missing):
        """Chances of the rooms behind an exit that no map knows."""
        out = Counter()
        for h in self.houses:
            for (r, d), n in h["edges"].items():
                if r == room and n in missing:
                    out[n] += 2 if d == direction else 1
        for n in missing:
            out[n] += 0.3
        total = sum(out.values()) or 1.0
        return {n: x / total for n, x in out.items()}

    # ---- the plan -----------------------------------------------------------

    async def advise(self, situation, history):
        w = Walk(situation, history)
        item, target = parse_goal(situation.goal)
        if w.room is None:
            return None
        h = self.house(w)
        edges, exits, doors = self.atlas(w, h)
        dist, prev = self.routes(w, edges, doors)
        fix = {r: set(x) for r, x in (h["fix"] if h else {}).items()}
        for r, x in w.fixtures().items():
            fix[r] = x
        held = item in w.held
        if held and target:
            lines = self.deliver(w, item, target, edges, exits, doors, dist, prev, fix)
        else:
            lines = await self.find(w, item, edges, exits, doors, dist, prev, fix)
            if target:
                verb, prep = self.put_word.get(target, ("put", "on"))
                lines.append(f"{verb} {item} {prep} {target}")
        if len(lines) < 2 or len(history) % 2:
            lines.append("examine " + item)
        return {situation.goal: lines[:14]}

    def deliver(self, w, item, target, edges, exits, doors, dist, prev, fix):
        verb, prep = self.put_word.get(target, ("put", "on"))
        last = f"{verb} {item} {prep} {target}"
        for c in w.adm:
            if c.startswith(("put ", "insert ", "place ")) and item in c and c.endswith(" " + target):
                return [c]
        if w.room == target:
            return ["drop " + item]
        if "open " + target in w.adm:
            return ["open " + target, last]
        rooms = {r: 1.0 for r, x in fix.items() if (target in x or r == target) and r != w.room}
        if target in exits and target != w.room:
            rooms[target] = 1.0
        if not rooms:
            for (r, f), n in self.has_n.items():
                if f == target and r not in w.exits:
                    rooms[r] = n / max(1, self.room_n[r])
        near = [(dist[r] / max(x, 0.05), r) for r, x in rooms.items() if r in dist]
        if near:
            moves, _ = self.path(w, prev, min(near)[1])
            return self.walk_lines(w, moves) + [last]
        missing = set(self.room_n) - set(dist)
        best, top = None, -1.0
        for r in dist:
            for d in exits.get(r, ()):
                if (r, d) in edges:
                    continue
                chance = self.behind(r, d, missing)
                value = 0.05 + sum(p * rooms.get(n, 0.05) for n, p in chance.items())
                value /= dist[r] + (1.7 if (r, d) in doors else 1.0)
                if value > top:
                    best, top = (r, d), value
        if best is None:
            return [last]
        moves, _ = self.path(w, prev, best[0])
        return self.walk_lines(w, moves + [best]) + [last]

    async def find(self, w, item, edges, exits, doors, dist, prev, fix):
        for c in w.adm:
            if c == "take " + item or c.startswith("take " + item + " from "):
                return [c]
        for c in w.adm:
            if c.startswith("take "):
                name = c[5:].split(" from ")[0]
                if name.endswith(" " + item) and name not in self.seen:
                    return [c]
        final = "take " + item
        known = w.last.get(item)
        if known and known[0] != w.room and known[0] in dist:
            moves, _ = self.path(w, prev, known[0])
            return self.walk_lines(w, moves) + [final]
        chance = await self.places(item)
        plain, inside = Counter(), {}
        for (r, f), p in chance.items():
            if f in self.containers:
                inside.setdefault(r, {})[f] = p
            else:
                plain[r] += p
        visited = set(w.exits)
        whole = Counter(plain)
        for r, x in inside.items():
            whole[r] += 0.7 * sum(x.values())
        options = []
        missing = set(self.room_n) - set(dist)
        for r in dist:
            moves, way = self.path(w, prev, r)
            gain = sum(plain[x] + 0.002 for x in way if x not in visited)
            if r not in visited:
                options.append((gain / max(dist[r], 1.0), moves, None))
                boxes = {}
                for f in self.containers:
                    if f in fix.get(r, ()):
                        boxes[f] = 1.0
                    elif r not in fix and self.has_n[(r, f)]:
                        boxes[f] = self.has_n[(r, f)] / max(1, self.room_n[r])
            else:
                boxes = {f: 1.0 for f in w.closed.get(r, ())}
            for f, there in boxes.items():
                p = inside.get(r, {}).get(f, 0.0) * there + 0.003
                if r in visited or p > 0.01:
                    options.append(((gain + p) / (dist[r] + 1.0), moves, f))
            for d in exits.get(r, ()):
                if (r, d) in edges:
                    continue
                value = 0.004 + sum(p * whole[n] for n, p in self.behind(r, d, missing).items())
                cost = dist[r] + (1.9 if (r, d) in doors else 1.2)
                options.append(((gain + value) / cost, moves + [(r, d)], None))
        if not options:
            return [final]
        value, moves, box = max(options, key=lambda o: o[0])
        lines = self.walk_lines(w, moves)
        if box:
            lines.append("open " + box)
        return lines + [final]