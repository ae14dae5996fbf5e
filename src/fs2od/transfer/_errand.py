"""One run of a download over an open destination: the walk through the share, and the work beside it."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import Callable, Final, Iterable

from fs2od.errors import Fs2odError, Interrupted, StorageError
from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._answers import DataAddress
from fs2od.transfer._entries import Entry, EntryKind, Names, Present
from fs2od.transfer._errors import NotFound
from fs2od.transfer._labour import Labour
from fs2od.transfer._large import LargeFile
from fs2od.transfer._leftovers import clear_leftovers, leftovers_among
from fs2od.transfer._link_making import LinkMaking
from fs2od.transfer._mates import Mates
from fs2od.transfer._other_names import as_listed
from fs2od.transfer._plan import Folding, Plan, are_alike, narrowed, plan_download
from fs2od.transfer._postponed import Postponed
from fs2od.transfer._promises import Promises
from fs2od.transfer._run import Run, Wanted
from fs2od.transfer._selection import Selection
from fs2od.transfer._setbacks import Setbacks
from fs2od.transfer._sidecar import Promise, Sidecar
from fs2od.transfer._sums import Sums
from fs2od.transfer._tree import Tree
from fs2od.transfer._vanished import Listed, Vanished
from fs2od.transfer._walk import DownloadLimits, Walk
from fs2od.transfer._work import Job, Work

__all__ = ["Errand"]

_WORTH_AN_ARCHIVE: Final = 16
_WORTH_A_CONNECTION_BYTES: Final = 1 << 20
_LOOK_S: Final = 0.1
# What came in the place of something may itself be gone when it is asked for, but not for ever.
_MOST_LOOKS: Final = 4


class Errand:
    """Brings everything that is wanted once. `run` may be called once."""

    def __init__(
        self,
        run: Run,
        sidecar: Sidecar,
        selection: Selection,
        limits: DownloadLimits,
        *,
        jobs: int,
        address: DataAddress | None,
        sums_url: str | None,
        tree: Tree | None,
    ) -> None:
        self._run = run
        self._sidecar = sidecar
        self._selection = selection
        self._limits = limits
        self._jobs = jobs
        self._address = address
        self._tree = tree
        run.destination.check()
        self._setbacks = Setbacks(run, jobs=jobs)
        self._postponed = Postponed(self._setbacks)
        self._links = LinkMaking(run, self._setbacks)
        self._vanished = Vanished(run, sidecar, self._setbacks, self._postponed, most=limits.folder_entries)
        self._seen: dict[str, None] = {}
        # Folders whose own failure is told: nobody knows what they show.
        self._unread: set[Names] = set()
        self._filled: dict[Names, Entry] = {}
        self._has_judged_root = False
        self._promises = Promises(run, sidecar, Sums(sums_url))
        self._crashed: list[BaseException] = []
        self._mates = Mates(run)
        self._work, self._labour = self._begun()

    def run(self, root: Entry, known: dict[str, list[Entry]], look: Callable[[], None]) -> None:
        """Bring everything below `root`, and return when that has ended, well or not.

        Args:
            root: The share's root.
            known: Listings that need not be asked for again, by their folder's id.
            look: Called several times a second, by the calling thread.
        """
        self._vanished.entered((), root)
        self._carry_on(look, lambda: self._walk(root, known))
        if self._postponed.waits and not self._run.ending.has_come:
            self._work, self._labour = self._begun()
            self._carry_on(look, partial(self._ask_once_more, root))
        self._postponed.give_up()
        for number in range(_MOST_LOOKS, -1, -1):
            if self._vanished.waits and not self._run.ending.has_come:
                self._work, self._labour = self._begun()
                self._carry_on(look, partial(self._look_again, is_last=not number))
        self._vanished.give_up()
        self._links.make()
        clear_leftovers(self._run, self._filled, most=self._limits.folder_entries)

    def _begun(self) -> tuple[Work, Labour]:
        """Return an empty queue, and who does what will be in it."""
        is_far = self._run.shared.http.is_far
        work = Work(self._run.pace, self._run.ending, in_bulk=self._address is not None, is_far=is_far)
        labour = Labour(
            self._run, work, self._promises, self._mates, self._setbacks, self._vanished, address=self._address
        )
        return work, labour

    def _carry_on(self, look: Callable[[], None], hand_out: Callable[[], None]) -> None:
        """Do the work that is handed out, this process's share of it and then what others leave."""
        self._carry(look, [hand_out, *[self._labour.run] * self._jobs])
        while self._mates.are_waited_for and not self._run.ending.has_come:
            self._take_over(look)

    def _carry(self, look: Callable[[], None], targets: list[Callable[[], None]]) -> None:
        """Do some things at once, each in a thread of its own, and return when all have ended."""
        threads = [
            threading.Thread(target=self._safely, args=(target,), name="fs2od", daemon=True) for target in targets
        ]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                self._run.pace.observe(time.monotonic(), self._run.tally.moved_bytes)
                look()
                next((thread for thread in threads if thread.is_alive()), threads[0]).join(_LOOK_S)
        except BaseException:
            self._run.ending.stop(Interrupted("the download was broken off"))
            raise
        finally:
            for thread in threads:
                thread.join()
            self._work.close()
        if self._crashed:
            raise self._crashed[0]

    def _take_over(self, look: Callable[[], None]) -> None:
        """Wait a little for the other processes, and bring what has become this one's affair."""
        look()
        mine = self._mates.wait()
        if mine:
            self._work, self._labour = self._begun()
            self._hand_on(mine)
            self._work.listing_ended()
            self._carry(look, [self._labour.run] * self._jobs)

    def _hand_on(self, wanted: list[Wanted]) -> None:
        """Put files back to work, those that stand there already to be checked first."""
        checks: list[Wanted] = []
        fetches: list[Wanted] = []
        present = {folder: self._run.destination.scan(folder) for folder in {each.folder for each in wanted}}
        for each in wanted:
            there = present[each.folder].get(each.entry.name)
            stands = there is not None and there.size_bytes == each.entry.size_bytes and each.promise is not None
            (checks if stands else fetches).append(each)
        small = [each for each in fetches if each.entry.size_bytes <= PIECE_BYTES]
        large = [LargeFile(self._run, each) for each in fetches if each.entry.size_bytes > PIECE_BYTES]
        self._work.put(checks=checks, small=small, large=large)

    def _safely(self, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - a fault of ours must end the run, not one thread of it
            self._crashed.append(error)
            self._run.ending.stop(Interrupted("the download was broken off"))

    def _walk(self, root: Entry, known: dict[str, list[Entry]]) -> None:
        if root.kind is EntryKind.FOLDER:
            with self._promises.being_read(self._safely):
                self._new_walk({**self._told_at_once(), **known}).run(root)
            self._name_absent()
        else:
            self._promises.read()
            self._visit((), root, [root])
        self._run.tally.listing_ended()
        self._work.listing_ended()

    def _told_at_once(self) -> dict[str, list[Entry]]:
        """Return the listings that came beside the first answers, where the manifest of a complete dataset speaks for them."""
        if self._tree is None or self._sidecar.may_grow or not self._tree.has_come():
            return {}
        self._promises.wait_until_read()
        return self._tree.listings(self._sidecar.promises()) if self._sidecar.sealed else {}

    def _new_walk(self, known: dict[str, list[Entry]] | None = None) -> Walk:
        shared, ending = self._run.shared, self._run.ending
        return Walk(
            shared,
            ending,
            self._limits,
            visit=self._visit,
            failed=self._failed_to_list,
            known=known,
            is_far=shared.http.is_far,
        )

    def _failed_to_list(self, path: Names, folder: Entry, error: Fs2odError) -> None:
        if not isinstance(error, NotFound):
            self._unread.add(path)
        self._vanished.failed_to_list(path, folder, error)

    def _ask_once_more(self, root: Entry) -> None:
        """Hand out what was given up while the service was away, if it is there again."""
        files, folders = self._postponed.take()
        if self._run.shared.answers(root):
            self._hand_on([file.wanted for file in files])
            for each in folders:
                self._unread.discard(each.path)
                self._new_walk().run(each.folder, at=each.path)
        else:
            self._postponed.fail(files, folders)
        self._work.listing_ended()

    def _look_again(self, *, is_last: bool) -> None:
        """Look once more for what vanished, and hand out what came in its place."""
        for listed in self._vanished.look_again(is_last=is_last):
            try:
                below = self._visit_again(listed)
            except Fs2odError as error:
                self._setbacks.failed(listed.path, error)
            else:
                for folder in below:
                    self._new_walk().run(folder, at=(*listed.path, folder.name))
        self._work.listing_ended()

    def _visit_again(self, listed: Listed) -> list[Entry]:
        """Hand out what is new in a folder, and return the folders below it that are."""
        present, tally = self._run.destination.scan(listed.path), self._run.tally

        def is_new(entry: Entry) -> bool:
            path = (*listed.path, entry.name)
            if entry.kind is EntryKind.FOLDER:
                return not self._vanished.knows(path)
            # All else that was listed before stands on the disk by now, or did not come.
            return entry.name in listed.again or (entry.name not in present and not tally.is_settled(path))

        plan = narrowed(self._planned(listed.path, listed.entries, present), is_new)
        return self._carry_out(listed.path, listed.folder, plan)

    def _name_absent(self) -> None:
        """Of a complete dataset, name every file that should be there and is not listed, where everything was listed."""
        if not self._sidecar.sealed or self._run.ending.has_come:
            return
        for promise in self._sidecar.promises():
            names = tuple(promise.path.split("/"))
            if promise.path not in self._seen and self._selection.wants(names) and not self._lies_unread(names):
                self._run.tally.listed([Entry(names[-1], EntryKind.FILE, "", promise.size_bytes)])
                self._run.tally.failed(names, NotFound("the manifest names it, and the link does not show it"))

    def _lies_unread(self, names: Names) -> bool:
        return bool(self._unread) and any(names[:end] in self._unread for end in range(len(names)))

    def _visit(self, folder: Names, entry: Entry, listing: list[Entry]) -> list[Entry]:
        self._work.wait_for_room()
        self._promises.wait_for_room()
        present = self._run.destination.scan(folder)
        self._note_leftovers(folder, listing, present)
        return self._carry_out(folder, entry, self._planned(folder, listing, present))

    def _note_leftovers(self, folder: Names, listing: list[Entry], present: dict[str, Present]) -> None:
        listed = {each.name for each in listing}
        for name, begun in leftovers_among(self._run.destination, folder, present.keys() - listed, listed).items():
            if self._selection.wants((*folder, begun)):
                self._run.tally.left_over((*folder, name))

    def _planned(self, folder: Names, listing: list[Entry], present: dict[str, Present]) -> Plan:
        wanted = [each for each in listing if self._wants(folder, each)]
        there = as_listed(self._run.destination, folder, present, wanted)
        folding = self._run.destination.folding(folder) if are_alike(wanted) else Folding()
        return plan_download(wanted, there, depth=len(folder), folding=folding, on_windows=os.name == "nt")

    def _wants(self, folder: Names, entry: Entry) -> bool:
        path = (*folder, entry.name)
        return self._selection.enters(path) if entry.kind is EntryKind.FOLDER else self._selection.wants(path)

    def _carry_out(self, folder: Names, entry: Entry, plan: Plan) -> list[Entry]:
        """Do what a plan says, but leave the files to the workers; return the folders to enter."""
        tally, disk = self._run.tally, self._run.destination
        here = _files(plan.skip)
        refused = [refusal.entry for refusal in plan.refuse if refusal.entry.kind is EntryKind.FILE]
        tally.listed([*here, *refused, *(fetch.entry for fetch in plan.fetch)])
        for refusal in plan.refuse:
            tally.failed((*folder, refusal.entry.name), refusal.error)
            self._unread.add((*folder, refusal.entry.name))
        for name in plan.remove:
            self._on_disk((*folder, name), partial(disk.remove, (*folder, name)))
        self._links.wanted(folder, plan.links)
        entered = [each for each in plan.folders if self._entered((*folder, each.name))]
        if len(entered) < len(plan.folders):
            names = {each.name for each in entered}
            self._unread.update((*folder, each.name) for each in plan.folders if each.name not in names)
        for each in entered:
            self._vanished.entered((*folder, each.name), each)
        if plan.fetch and entry.kind is EntryKind.FOLDER:
            self._filled[folder] = entry
        self._get_ready(plan)
        hand_out = partial(self._hand_out, folder, entry, plan)
        self._promises.once_read(partial(self._on_disk, folder, hand_out), len(plan.fetch) + len(here))
        return entered

    def _get_ready(self, plan: Plan) -> None:
        """Have the connections made that a folder will need, while the manifest is being read."""
        if self._address is not None:
            lacking_bytes = sum(fetch.entry.size_bytes for fetch in plan.fetch)
            # What lies in further folders is unknown: much, for most.
            enough = self._jobs if plan.folders else 1 + lacking_bytes // _WORTH_A_CONNECTION_BYTES
            self._run.shared.http.open_ahead(self._address.url, min(self._run.pace.allowed, enough))

    def _entered(self, path: Names) -> bool:
        if not self._selection.makes(path):
            return True
        return self._on_disk(path, lambda: self._run.destination.make_folder(path))

    def _hand_out(self, folder: Names, entry: Entry, plan: Plan) -> None:
        if not folder and entry.kind is EntryKind.FOLDER and not self._has_judged_root:
            self._has_judged_root = True
            if self._sidecar.sealed and self._is_outdated(plan):
                plan = self._brought_up_to_date(entry, plan)
        checks: list[Wanted] = []
        for refusal in plan.refuse:
            self._remember((*folder, refusal.entry.name))
        for each in _files(plan.skip):
            wanted = self._wanted(folder, each)
            if wanted.promise is None:
                self._run.tally.whole(wanted.path, each.size_bytes, fetched=False, intact=False, under_way=False)
            else:
                checks.append(wanted)
        fetches: list[Wanted] = []
        for fetch in plan.fetch:
            wanted = Wanted(folder, fetch.entry, fetch.partial, self._promise((*folder, fetch.entry.name), fetch.entry))
            (checks if fetch.stands and wanted.promise is not None else fetches).append(wanted)
        if fetches and not self._selection.makes(folder) and folder:
            self._make_folders(folder)
        small = [each for each in fetches if each.entry.size_bytes <= PIECE_BYTES]
        large = [LargeFile(self._run, each) for each in fetches if each.entry.size_bytes > PIECE_BYTES]
        if self._is_worth_an_archive(plan, small):
            self._work.put(checks=checks, large=large, folder=Job("folder", tuple(small), folder=entry))
        else:
            self._work.put(checks=checks, small=small, large=large)

    def _is_outdated(self, plan: Plan) -> bool:
        """Say whether the root is otherwise listed than its manifest says: the root alone is listed before the seal is looked for.

        What came between the two would be called absent, and what changed in between be taken for what it was.
        """
        listed = {each.name: each for each in plan.entries()}
        folders: set[str] = set()
        for promise in self._sidecar.promises():
            top, below, _ = promise.path.partition("/")
            if below:
                folders.add(top)
                continue
            there = listed.get(top)
            if self._selection.wants((top,)) if there is None else self._sidecar.promise(top, there) is None:
                return True
        return any(self._selection.enters((name,)) for name in folders - listed.keys())

    def _brought_up_to_date(self, root: Entry, plan: Plan) -> Plan:
        """List the root once more, bring what is new or has changed since it was planned, and return the plan of the rest."""
        try:
            listing = self._run.shared.children(root, most=self._limits.folder_entries)
        except Interrupted:
            raise
        except Fs2odError:
            return plan
        planned = {each.name: each for each in plan.entries()}
        refused = {refusal.entry.name for refusal in plan.refuse}
        fresh = {each.name for each in listing if _differs(each, planned.get(each.name))} - refused
        for name in fresh & planned.keys():
            self._run.tally.unlisted(planned[name])
        now = self._planned((), listing, self._run.destination.scan(()))
        for folder in self._carry_out((), root, narrowed(now, lambda each: each.name in fresh)):
            self._new_walk().run(folder, at=(folder.name,))
        return narrowed(plan, lambda each: each.name not in fresh)

    def _make_folders(self, folder: Names) -> None:
        for end in range(1, len(folder) + 1):
            self._run.destination.make_folder(folder[:end])

    def _is_worth_an_archive(self, plan: Plan, small: list[Wanted]) -> bool:
        """Say whether a folder had better come as a whole: where there is no bulk, and most of it is missing and small."""
        if self._address is not None or plan.folders or len(small) < _WORTH_AN_ARCHIVE:
            return False
        everything = [*(fetch.entry for fetch in plan.fetch), *plan.skip, *(refusal.entry for refusal in plan.refuse)]
        return 2 * sum(each.entry.size_bytes for each in small) >= sum(max(0, each.size_bytes) for each in everything)

    def _wanted(self, folder: Names, entry: Entry) -> Wanted:
        return Wanted(folder, entry, promise=self._promise((*folder, entry.name), entry))

    def _promise(self, path: Names, entry: Entry) -> Promise | None:
        self._remember(path)
        return self._promises.of(path, entry)

    def _remember(self, path: Names) -> None:
        if self._sidecar.sealed:
            self._seen["/".join(path)] = None

    def _on_disk(self, path: Names, call: Callable[[], object]) -> bool:
        """Do something on the disk, and say whether it was done; if not, it is among the failures."""
        try:
            call()
        except StorageError as error:
            self._setbacks.failed(path, error)
            return False
        return True


def _files(entries: Iterable[Entry]) -> list[Entry]:
    return [each for each in entries if each.kind is EntryKind.FILE]


def _differs(now: Entry, planned: Entry | None) -> bool:
    """Say whether something is new, or is a file that was another one when it was planned."""
    is_file = planned is not None and planned.kind is EntryKind.FILE
    return planned is None or (is_file and now.kind is EntryKind.FILE and now.state() != planned.state())
