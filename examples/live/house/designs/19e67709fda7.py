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


class ReplayVotes(Memory):
    """No houses and no maps are kept: all earlier plays vote, by how well they agree with this one.

    A state is a room as it looks (its name and its ways out). Each earlier play votes on where a way
    leads, where doors are and where furniture stands, with a weight that grows with the looks it shares
    with the present play and all but vanishes when it contradicts it. On the decision process so made,
    discounted values are iterated: first for finding the thing, then for reaching the place to put it.
    """

    GAMMA = 0.9

    def __init__(self, kit):
        super().__init__(kit)
        self.plays = []
        self.found, self.looked = defaultdict(Counter), Counter()
        self.stands, self.shut, self.verbs = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)

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

    def values(self, model, track, gain, boxes, unknown):
        """Discounted value of leaving each state: gain on arrival, boxes opened once, else on and on."""
        states = model["states"]
        known = set(states)
        value = {s: 0.0 for s in states}

        def arrive(s):
            rest = value[s]
            for p in sorted(b[0] for b in boxes.get(s, ())):
                rest = max(rest, self.GAMMA * (p + (1 - p) * rest))
            p = gain.get(s, 0.0)
            return p + (1 - p) * rest

        def worth(s, way):
            fade = self.GAMMA ** self.cost(model, track, s, way)
            ahead = model["links"].get((s, way))
            if not ahead:
                return fade * unknown
            return fade * sum(q * arrive(to) for to, q in ahead if to in known)

        for _ in range(45):
            change = 0.0
            for s in states:
                new = max((worth(s, w) for w in s[1]), default=0.0)
                change = max(change, abs(new - value[s]))
                value[s] = new
            if change < 1e-5:
                break
        policy = {s: max(sorted(s[1]), key=lambda w: worth(s, w), default=None) for s in states}
        return value, policy

    # ---- where things are -----------------------------------------------------------------------

    def usually_shut(self, holder):
        seen = self.shut.get(holder)
        return bool(seen) and seen[True] > seen[False]

    def closed(self, track, room, holder):
        if not holder or (room, holder) in track.exposed:
            return False
        return "open " + holder in track.adm if room == track.room else self.usually_shut(holder)

    def chances(self, thing, track, model):
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
                elif (s[0], h) in track.exposed:
                    w = 0.0
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

    def moves(self, model, track, start, policy, stop):
        """The commands of the policy from a state until `stop` holds, and the state reached."""
        lines, state, been = [], start, {start}
        while not stop(state):
            way = policy.get(state)
            if way is None:
                break
            door = track.doors.get((state[0], way))
            if state == model["here"] and "go " + way not in track.adm:
                ready = [a for a in track.adm if a.startswith("open ") and a.endswith((" door", " gate"))]
                if door and door[1]:
                    lines.append("open " + door[0])
                elif not door and len(ready) == 1:
                    lines.append(ready[0])
            elif door and door[1]:
                lines.append("open " + door[0])
            lines.append("go " + way)
            ahead = model["links"].get((state, way))
            if not ahead:
                return lines, None
            state = max(ahead, key=lambda a: a[1])[0]
            if state in been:
                break
            been.add(state)
        return lines, state

    def carry(self, model, track, start, thing, dest):
        """From a state to the place the thing is brought to."""
        home = {}
        for s in model["states"]:
            home[s] = 1.0 if s[0] == dest else model["holders"].get(s, {}).get(dest, 0.0)
            if s[0] in track.holders and dest not in track.holders[s[0]] and s[0] != dest:
                home[s] = 0.0
        top = max(home.values(), default=0.0)
        gain = {s: min(1.0, p / top) if top > 0 else 0.0 for s, p in home.items()}
        _, policy = self.values(model, track, gain, {}, 0.02)
        lines, end = self.moves(model, track, start, policy, lambda s: gain.get(s, 0.0) >= 0.5)
        if end and self.closed(track, end[0], dest):
            lines.append("open " + dest)
        return lines + [self.put_line(track, thing, dest)]

    def plan(self, thing, dest, track):
        if not thing or not track.room or track.room not in track.exits:
            return []
        model = self.vote(track)
        here = model["here"]
        if thing in track.carried:
            return self.carry(model, track, here, thing, dest) if dest else []
        if self.take_line(track, thing) in track.adm:
            lines, end = [self.take_line(track, thing)], here
            return lines + (self.carry(model, track, end, thing, dest) if dest else [])
        place = track.now.get(thing)
        if place and place[0] == track.room and "open " + place[1] in track.adm:
            lines = ["open " + place[1], "take " + thing]
            return lines + (self.carry(model, track, here, thing, dest) if dest else [])
        if place and place[0] == track.room:
            track.now.pop(thing)  # it is here no longer
        gain, boxes = self.chances(thing, track, model)
        value, policy = self.values(model, track, gain, boxes, 0.02)

        def worth_opening(s):
            best = sorted(boxes.get(s, ()), key=lambda b: (-b[0], b[1]))
            out, rest = [], value.get(s, 0.0)
            for p, h in reversed(best):
                with_it = self.GAMMA * (p + (1 - p) * rest)
                if with_it > rest + 1e-9:
                    out.insert(0, h)
                    rest = with_it
            return out

        most = max(list(gain.values()) + [p for bs in boxes.values() for p, _ in bs] + [0.0])
        lines, end = self.moves(
            model, track, here, policy,
            lambda s: bool(worth_opening(s)) or (s != here and gain.get(s, 0.0) >= 0.3 * most > 0),
        )
        if end:
            lines += ["open " + h for h in worth_opening(end)]
        lines.append("take " + thing)
        if dest and end:
            lines += self.carry(model, track, end, thing, dest)
        return lines

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