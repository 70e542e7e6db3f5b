"""What of a batch stands at the destination already, and what forbids writing there now."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Part, Posting
from poster_halo.domain.references import references_of
from poster_halo.domain.shape import Elsewhere, Plan
from poster_halo.domain.strays import sentence


class Standing:
    """What of the batch stands already, and what says that nobody may write now."""

    def __init__(
        self, made: Plan, posting: Posting | None, observed: Observed, elsewhere: Elsewhere
    ) -> None:
        self.made, self.posting = made, posting
        self.observed, self.elsewhere = observed, elsewhere
        self.doubled: list[Desired] = []
        self.differing: list[Desired] = []

    def split(self) -> list[Desired]:
        """Fills `standing`; returns the lines that stand nowhere."""
        made, observed = self.made, self.observed
        met, connections = observed.by_line, self.elsewhere.connections
        updates = made.batch.policy.behaviour == "recurring"
        left: list[Desired] = []
        away: list[Desired] = []
        for want in made.lines:
            if want.is_settled:
                continue
            if want.id not in met and want.id not in connections:  # nearly every line is new
                left.append(want)
                continue
            hits = observed.live(want.id)
            copies = [] if hits else observed.copied(want.id)
            if len(hits) > 1:
                self.doubled.append(want)
            elif hits or copies:
                document, there = (hits or copies)[0]
                made.documents[document.id] = document
                if document.client != made.batch.client:
                    made.warn("posted-elsewhere")
                if there.amounts[3:5] == want.amounts[3:5]:  # money and cost
                    made.standing[want.id] = there
                elif updates and document.id == made.batch.recurring:
                    left.append(want)
                else:
                    self.differing.append(want)
            elif want.id in connections:
                away.append(want)
            else:
                left.append(want)
        if away:
            text = f"{len(away)} lines stand at another HaloPSA account: undo them there first"
            made.hold("posted-elsewhere", text, away)
        return left

    def integrity(self, own: Sequence[Document], left: list[Desired]) -> None:
        """Holds the whole rest of the batch when the destination is not as we left it."""
        made = self.made
        waiting = [*self.doubled, *self.differing, *left]
        twins = self._twins()
        if self.doubled or twins:
            text = f"our lines stand twice ({twins or self.doubled[0].id}): remove one of them"
            made.hold("doubled-at-destination", text, waiting)
        elif gone := self._gone():
            text = f"invoice {gone} is voided or gone: undo the posting here to post it again"
            made.hold("gone-at-destination", text, waiting)
        elif self.differing or (edited := self._edited(own)):
            names = self.differing[0].id if self.differing else edited
            text = f"somebody changed our lines there ({names}): put them back, or undo here"
            made.hold("edited-at-destination", text, waiting)
        elif code := next((stray.code for stray in made.strays if stray.code), ""):
            made.hold(code, sentence(made.strays, made.batch.currency), waiting)
        elif self._unwanted():
            text = (
                f"{len(made.extras)} lines stand there that today's settings would not post:"
                " undo the posting, then plan again"
            )
            made.hold("posted-differently", text, waiting)
        elif made.code is not None:
            made.hold(made.code, made.text, left)

    def _twins(self) -> str:
        for name in references_of(self.made, self.posting, self.observed):
            there = [d for d in self.observed.by_reference.get(name, ()) if not d.voided]
            if len(there) > 1:
                return f"reference {name} on invoices {', '.join(str(d.id) for d in there)}"
        return ""

    def _gone(self) -> int:
        for part in self._posted():
            document = self.observed.documents.get(part.ext)
            if document is None or document.voided:
                copied = part.lines and all(self.observed.copied(line) for line in part.lines)
                if not copied:
                    return part.ext
        return 0

    def _edited(self, own: Sequence[Document]) -> str:
        """Lines that are not as they were read back, or our invoice without a line of ours."""
        for part in self._posted():
            if part.kind == "replace" and part.ext != self.made.batch.recurring:
                continue
            for line, (_, quantity, price, cost) in part.lines.items():
                hits = self.observed.live(line)
                if not hits:
                    if not self.observed.copied(line):
                        return f"{line} is missing on {part.ext}"
                    continue
                there = hits[0][1]
                if there.amounts[:3] != (Decimal(quantity), Decimal(price), Decimal(cost)):
                    return f"{line} on {hits[0][0].id}"
        for document in own:
            if document.id > 0 and not document.ours:
                return f"invoice {document.id} has none of our lines"
        return ""

    def _unwanted(self) -> bool:
        """Lines of this document on our invoices that nobody wants any more."""
        made, batch = self.made, self.made.batch
        if not self.posting and not made.documents:
            return False
        wanted = {line.id for line in made.lines}
        documents = dict(made.documents)
        for part in self._posted():
            if part.ext in self.observed.documents:
                documents[part.ext] = self.observed.documents[part.ext]
        made.extras = [
            ours.line
            for document in documents.values()
            if document.client == batch.client
            and not (document.id < 0 and batch.policy.behaviour == "recurring")
            for ours in document.ours
            if ours.prefix == batch.origin.prefix and ours.line not in wanted
        ]
        known = self.elsewhere.wanted
        if known is None:
            return False
        made.extras = [line for line in made.extras if line not in known]
        return bool(made.extras)

    def _posted(self) -> tuple[Part, ...]:
        return self.posting.standing if self.posting else ()
