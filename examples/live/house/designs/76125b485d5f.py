import heapq
import math
import re
from collections import Counter, defaultdict

from alma.memory import Memory, Recall

BACK = {"north": "south", "south": "north", "east": "west", "west": "east"}
ROOM = re.compile(r"-=\s*(.+?)\s*=-")
WAY = re.compile(r"\b(north|south|east|west)\b", re.I)
DOOR = re.compile(
    r"\b(closed|locked|open|opened)\s+([a-z][a-z' -]*?)\s+leading\s+(?:to the\s+)?(north|south|east|west)\b", re.I
)
TAKE = re.compile(r"^(?:take|get|pick up) (.+?)(?: from (.+))?$")
PUT = re.compile(r"^(put|insert|place) (.+?) (on|into|in|onto) (.+)$")
THE = re.compile(r"\bthe ([\w' -]+?)(?= and\b| to\b| into\b| in\b| on\b| from\b|[.,;!?]|$)", re.I)


def parse_goal(goal):
    """The thing of the goal and the place to bring it to ('' when there is none)."""
    names = [" ".join(n.lower().split()) for n in THE.findall(str(goal or ""))]
    return (names[0] if names else ""), (names[1] if len(names) > 1 else "")


class Track:
    """What one play shows: map, doors, holders, things, where the player is, what it carries."""

    def __init__(self, situation):
        self.room = ""
        self.exits, self.edges, self.doors = {}, {}, {}
        self.holders, self.shut, self.exposed = defaultdict(set), {}, set()
        self.first, self.now, self.carried, self.ever = {}, {}, set(), set()
        self.verbs, self.adm, self.steps = {}, [], 0
        self.look(situation.observation, situation.admissible, "")
        self.start = self.room

    def see(self, step):
        action = " ".join(str(step.action or "").lower().split())
        self.steps += 1
        text = str(step.observation or "").lower()
        if not step.error:
            taken, put = TAKE.match(action), PUT.match(action)
            if taken and ("take" in text or "pick" in text):
                self.carried.add(taken.group(1))
                self.now.pop(taken.group(1), None)
            elif put:
                self.carried.discard(put.group(2))
            elif action.startswith("drop "):
                self.carried.discard(action[5:])
            elif action.startswith("eat ") and "eat" in text:
                self.carried.discard(action[4:])
            elif action.startswith(("open ", "close ")):
                verb, name = action.split(" ", 1)
                for (room, way), door in list(self.doors.items()):
                    if room == self.room and door[0] == name and verb in text:
                        self.doors[(room, way)] = (name, verb == "close")
        self.look(step.observation, step.admissible, action)

    def look(self, observation, admissible, action):
        flat = " ".join(str(observation or "").split())
        found = ROOM.search(flat)
        if found:
            name = found.group(1).lower()
            way = action[3:] if action.startswith("go ") else ""
            if self.room and way in BACK and name != self.room:
                self.edges[(self.room, way)] = name
                self.edges.setdefault((name, BACK[way]), self.room)
            self.room = name
            ways = self.exits.setdefault(name, set())
            ways.update(w.lower() for w in WAY.findall(flat))
            for state, door, w in DOOR.findall(flat):
                self.doors[(name, w.lower())] = (door.lower(), state.lower() in ("closed", "locked"))
        adm = [" ".join(str(a).lower().split()) for a in (admissible or ())]
        self.adm = adm
        if not self.room or not adm:
            return
        takes, opens, closes, named, mine = {}, set(), set(), set(), set()
        for a in adm:
            taken, put = TAKE.match(a), PUT.match(a)
            if taken:
                takes[taken.group(1)] = taken.group(2) or ""
            elif put:
                mine.add(put.group(2))
                named.add(put.group(4))
                self.verbs[put.group(4)] = (put.group(1), put.group(3))
            elif a.startswith("drop "):
                mine.add(a[5:])
            elif a.startswith("open "):
                opens.add(a[5:])
            elif a.startswith("close "):
                closes.add(a[6:])
            elif a.startswith("examine "):
                named.add(a[8:])
            elif a.startswith("go ") and a[3:] in BACK:
                self.exits.setdefault(self.room, set()).add(a[3:])
        self.carried |= mine
        self.ever |= self.carried
        doors = {d[0] for (r, _), d in self.doors.items() if r == self.room}
        holders = named | opens | closes | {h for h in takes.values() if h}
        holders -= set(takes) | mine | self.carried | doors
        holders = {h for h in holders if not h.endswith((" door", " gate"))}
        self.exposed.add((self.room, ""))
        for h in holders:
            self.holders[self.room].add(h)
            self.shut.setdefault((self.room, h), h in opens)
            if h not in opens:
                self.exposed.add((self.room, h))
        for x, h in takes.items():
            self.now[x] = (self.room, h)
            if x not in self.ever:
                self.first.setdefault(x, (self.room, h))

    def door_command(self, way):
        """The command that opens the way out of the present room, '' when none is needed or known."""
        if "go " + way in self.adm:
            return ""
        door = self.doors.get((self.room, way))
        if door and door[1]:
            return "open " + door[0]
        if not door and self.adm:
            other = [a for a in self.adm if a.startswith("open ") and a.endswith((" door", " gate"))]
            if len(other) == 1:
                return other[0]
        return ""


class DeadlineVotes(Memory):
    """All earlier plays vote on the world around this one; a tour on it is planned against the step limit.

    A state is a room as it looks (its name and its ways out). Each earlier play votes on where a way
    leads, where doors are and where furniture stands, with a weight that grows with the looks it shares
    with the present play and all but vanishes when it contradicts it. On what wins the vote a beam
    search looks for the tour of places that most likely finds the thing with time left to deliver it;
    each place counts once.
    """

    WIDTH, DEPTH = 30, 6

    def __init__(self, kit):
        super().__init__(kit)
        self.plays = []
        self.found, self.looked = defaultdict(Counter), Counter()
        self.stands, self.shut, self.verbs = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
        self.limit = 1

    # ---- learning -------------------------------------------------------------------------------

    @staticmethod
    def snapshot(track):
        look = {room: (room, tuple(sorted(ways))) for room, ways in track.exits.items()}
        return {
            "looks": set(look.values()),
            "links": {(look[r], w): look[to] for (r, w), to in track.edges.items() if r in look and to in look},
            "doors": {(look[r], w) for r, w in track.doors if r in look},
            "holders": {look[r]: sorted(hs) for r, hs in track.holders.items() if r in look},
            "start": look.get(track.start),
        }

    async def update(self, episode):
        track = Track(episode.situation)
        for step in episode.steps:
            track.see(step)
        self.plays.append(self.snapshot(track))
        self.limit = max(self.limit, len(episode.steps))
        for thing, place in track.first.items():
            self.found[thing][place] += 1
        self.looked.update(track.exposed)
        for room, hs in track.holders.items():
            for h in hs:
                self.stands[h][room] += 1
        for (_, h), is_shut in track.shut.items():
            self.shut[h][bool(is_shut)] += 1
        for h, verb in track.verbs.items():
            self.verbs[h][verb] += 1

    # ---- the vote -------------------------------------------------------------------------------

    def vote(self, track):
        """The decision process that the earlier plays, weighted by agreement, and this play make up."""
        now = self.snapshot(track)
        names = {look[0]: look for look in now["looks"]}
        links, doors = defaultdict(Counter), Counter()
        holders, mass = defaultdict(Counter), Counter()
        for play in self.plays:
            score = 0.0
            for key, to in now["links"].items():
                other = play["links"].get(key)
                if other is not None:
                    score += 1.5 if other == to else -4.0
            for look in play["looks"]:
                if look[0] in names:
                    score += 0.5 if look == names[look[0]] else -2.5
            score += 0.5 if play["start"] == now["start"] else 0.0
            weight = math.exp(max(-14.0, min(14.0, score)))
            for key, to in play["links"].items():
                links[key][to] += weight
            for key in play["doors"]:
                doors[key] += weight
            for look, hs in play["holders"].items():
                mass[look] += weight
                for h in hs:
                    holders[look][h] += weight
        for key, to in now["links"].items():
            links[key] = Counter({to: 1.0})
        model = {"links": {}, "doored": {k for k, w in doors.items() if w > 0}, "holders": {}, "look": names}
        for key, votes in links.items():
            total = sum(votes.values())
            kept = [(to, w / total) for to, w in sorted(votes.items()) if w / total > 0.04]
            model["links"][key] = kept
        for look, counts in holders.items():
            model["holders"][look] = {h: c / mass[look] for h, c in counts.items()}
        for look, hs in now["holders"].items():
            model["holders"][look] = {h: 1.0 for h in hs}
        # the states that can be met from here
        here = names.get(track.room)
        seen, queue = {here}, [here]
        while queue:
            look = queue.pop()
            for way in look[1]:
                for to, _ in model["links"].get((look, way), ()):
                    if to not in seen and len(seen) < 60:
                        seen.add(to)
                        queue.append(to)
        model["states"] = sorted(seen)
        model["here"] = here
        return model

    def cost(self, model, track, look, way):
        if (look, way) in model["doored"] or (look[0], way) in track.doors:
            door = track.doors.get((look[0], way))
            if door is None:
                ahead = model["links"].get((look, way), ())
                door = track.doors.get((ahead[0][0][0], BACK[way])) if ahead else None
            return 1 if door and not door[1] else 2
        return 1

    def reach(self, model, track, start):
        """Steps and moves from a state to all others, by the likeliest ways; doubt counts as steps."""
        memo = model.setdefault("memo", {})
        if start not in memo:
            steps, moves, heap, count, done = {}, {}, [(0.0, 0, 0, start, ())], 0, set()
            while heap:
                price, taken, _, state, path = heapq.heappop(heap)
                if state in done:
                    continue
                done.add(state)
                steps[state], moves[state] = taken, path
                for way in state[1]:
                    ahead = model["links"].get((state, way))
                    if not ahead:
                        continue
                    to, sure = max(ahead, key=lambda a: a[1])
                    if to in done:
                        continue
                    cost = self.cost(model, track, state, way)
                    count += 1
                    heapq.heappush(
                        heap, (price + cost + 4.0 * (1.0 - sure), taken + cost, count, to, path + ((state, way, to),))
                    )
            memo[start] = (steps, moves)
        return memo[start]

    # ---- where things are -----------------------------------------------------------------------

    def usually_shut(self, holder):
        seen = self.shut.get(holder)
        return bool(seen) and seen[True] > seen[False]

    def closed(self, track, room, holder):
        if not holder or (room, holder) in track.exposed:
            return False
        return "open " + holder in track.adm if room == track.room else self.usually_shut(holder)

    def chances(self, thing, track, model, dest):
        """Chance of the thing at each state in view on arrival, and in each shut box there."""
        gain, boxes = defaultdict(float), defaultdict(list)
        place = track.now.get(thing)
        words = set(thing.split())
        rate = defaultdict(float)
        kinds = max(1, len(self.found))
        for other, places in sorted(self.found.items()):
            theirs = set(other.split())
            alike = 1.0 if other == thing else 0.3 * len(words & theirs) / max(1, len(words | theirs))
            for spot, n in places.items():
                rate[spot] += (alike + 0.1 / kinds) * n / (self.looked[spot] + 1.5)
        spots = []
        for s in model["states"]:
            stand = dict(model["holders"].get(s, {}))
            stand.setdefault("", 1.0)
            for h, sure in stand.items():
                if place:
                    w = 1.0 if (s[0], h) == place else 0.0
                elif (s[0], h) in track.exposed or (dest and dest == (h or s[0])):
                    w = 0.0  # looked at already, or the task would have been solved from the start
                else:
                    w = sure * (rate.get((s[0], h), 0.0) + (0.0005 if h else 0.0001))
                if w > 0:
                    spots.append((w, s, h))
        total = sum(w for w, _, _ in spots) + (0.0 if place else 0.003)
        for w, s, h in spots:
            if self.closed(track, s[0], h):
                boxes[s].append((w / total, h))
            else:
                gain[s] += w / total
        return gain, boxes

    def put_line(self, track, thing, dest):
        for a in track.adm:
            m = PUT.match(a)
            if m and m.group(2) == thing and m.group(4) == dest:
                return a
        if self.verbs.get(dest):
            verb, prep = self.verbs[dest].most_common(1)[0][0]
            return f"{verb} {thing} {prep} {dest}"
        if (dest, "") in self.looked:
            return "drop " + thing
        return f"insert {thing} into {dest}" if self.usually_shut(dest) else f"put {thing} on {dest}"

    def take_line(self, track, thing):
        for a in track.adm:
            m = TAKE.match(a)
            if m and m.group(1) == thing:
                return a
        return "take " + thing

    # ---- the plan -------------------------------------------------------------------------------

    def lines(self, model, track, moves):
        out = []
        for state, way, _ in moves:
            door = track.doors.get((state[0], way))
            if state == model["here"] and "go " + way not in track.adm:
                ready = [a for a in track.adm if a.startswith("open ") and a.endswith((" door", " gate"))]
                if door and door[1]:
                    out.append("open " + door[0])
                elif not door and len(ready) == 1:
                    out.append(ready[0])
            elif state != model["here"] and door and door[1]:
                out.append("open " + door[0])
            out.append("go " + way)
        return out

    def homes(self, model, track, dest):
        """States where the thing is to be brought, with how sure that is."""
        out = {}
        for s in model["states"]:
            sure = 1.0 if s[0] == dest else model["holders"].get(s, {}).get(dest, 0.0)
            if sure > 0.05:
                out[s] = sure
        return out

    def way_home(self, model, track, start, homes):
        """The best of the destinations from a state: (steps, state), or None."""
        steps = self.reach(model, track, start)[0]
        ranked = [(steps[s] + 8.0 * (1.0 - sure), steps[s], s) for s, sure in homes.items() if s in steps]
        return min(ranked)[1:] if ranked else None

    def edges(self, model, steps):
        """Ways out that no play has gone, nearest first."""
        return sorted((steps[s], s, w) for s in steps for w in s[1] if not model["links"].get((s, w)))

    def carry(self, model, track, start, thing, dest):
        """From a state to the place the thing is brought to."""
        steps, moves = self.reach(model, track, start)
        home = self.way_home(model, track, start, self.homes(model, track, dest))
        if home:
            out = self.lines(model, track, moves[home[1]])
            if self.closed(track, home[1][0], dest):
                out.append("open " + dest)
        else:
            edges = self.edges(model, steps)
            out = []
            if edges:
                _, state, way = edges[0]
                out = self.lines(model, track, moves[state] + ((state, way, None),))
        return out + [self.put_line(track, thing, dest)]

    @staticmethod
    def worth(p, clock, tail, left):
        """A find counts when the rest of the task still fits; earlier is better, cutting it fine is risky."""
        slack = left - clock - tail
        fits = 1.0 if slack >= 3 else 0.85 if slack >= 1 else 0.6 if slack == 0 else 0.05
        return p * fits * 0.96 ** clock

    def next_site(self, model, track, dest, gain, boxes):
        """The first place of the tour with the most chance: (state, box or 'go way' or '')."""
        here = model["here"]
        near = self.reach(model, track, here)[0]
        sites = [(s, "", p) for s, p in gain.items() if p > 0 and s in near and s != here]
        sites += [(s, h, p) for s, bs in boxes.items() if s in near for p, h in bs]
        edges = self.edges(model, near)
        sites += [(s, "go " + w, 0.02 / len(edges)) for _, s, w in edges]
        sites = sorted(sites, key=lambda x: (-x[2], near[x[0]], x[0], x[1]))[:14]
        if not sites:
            return None
        left = max(4, self.limit - track.steps)
        homes = self.homes(model, track, dest) if dest else {}
        tail = {}
        for s in {x[0] for x in sites}:
            home = self.way_home(model, track, s, homes) if dest else None
            tail[s] = 1 if not dest else 2 + (home[0] if home else 7)
        index = {(x[0], x[1]): i for i, x in enumerate(sites)}
        beam, best, first = [(0.0, 0, here, 0, -1)], 0.0, 0
        for _ in range(self.DEPTH):
            grown = {}
            for value, clock0, at, mask, head in beam:
                steps, moves = self.reach(model, track, at)
                for i, (s, extra, p) in enumerate(sites):
                    if mask >> i & 1 or s not in steps:
                        continue
                    got, bits, clock = value, mask, clock0 + steps[s] + (1 if extra else 0)
                    if clock > left:
                        continue
                    for _, _, to in moves[s]:  # what is seen in passing
                        k = index.get((to, ""))
                        if k is not None and not bits >> k & 1:
                            bits |= 1 << k
                            got += self.worth(sites[k][2], clock0 + steps.get(to, 0), tail[to], left)
                    if not bits >> i & 1:
                        bits |= 1 << i
                        got += self.worth(p, clock, tail[s], left)
                    state = (got, clock, s, bits, head if head >= 0 else i)
                    old = grown.get((bits, s))
                    if old is None or (got, -clock) > (old[0], -old[1]):
                        grown[(bits, s)] = state
            beam = sorted(grown.values(), key=lambda b: (-b[0], b[1], b[3]))[: self.WIDTH]
            if not beam:
                break
            if beam[0][0] > best + 1e-9:
                best, first = beam[0][0], beam[0][4]
        return sites[first][:2]

    def plan(self, thing, dest, track):
        if not thing or not track.room or track.room not in track.exits:
            return []
        model = self.vote(track)
        here = model["here"]
        if thing in track.carried:
            return self.carry(model, track, here, thing, dest) if dest else []
        ending = self.take_line(track, thing)
        if ending in track.adm:
            return [ending] + (self.carry(model, track, here, thing, dest) if dest else [])
        place = track.now.get(thing)
        if place and place[0] == track.room:
            if "open " + place[1] in track.adm:
                out = ["open " + place[1], "take " + thing]
                return out + (self.carry(model, track, here, thing, dest) if dest else [])
            track.now.pop(thing)  # it is here no longer
        gain, boxes = self.chances(thing, track, model, dest)
        site = self.next_site(model, track, dest, gain, boxes)
        if site is None:
            return ["take " + thing]
        state, extra = site
        moves = self.reach(model, track, here)[1][state]
        if extra.startswith("go "):
            return self.lines(model, track, moves + ((state, extra[3:], None),)) + ["take " + thing]
        out = self.lines(model, track, moves) + (["open " + extra] if extra else []) + ["take " + thing]
        return out + (self.carry(model, track, state, thing, dest) if dest else [])

    def shown(self, goal, thing, dest, track):
        """One plan; while carrying, its next move once more as a hint that doesn't name the thing."""
        lines = self.plan(thing, dest, track)
        if not lines:
            return None
        if dest and thing in track.carried and len(lines) > 1:
            verb = (goal.lower().split() or ["bring"])[0]
            return Recall(show={"Plan": lines, dest: lines[:1], verb: lines[:1]})
        return Recall(show=lines)

    async def retrieve(self, situation):
        thing, dest = parse_goal(situation.goal)
        return self.shown(str(situation.goal), thing, dest, Track(situation))

    async def on_step(self, situation, history):
        thing, dest = parse_goal(situation.goal)
        track = Track(situation)
        for step in history:
            track.see(step)
        return self.shown(str(situation.goal), thing, dest, track)