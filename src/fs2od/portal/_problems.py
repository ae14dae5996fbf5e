"""Errors as pages: what happened, what it means for the data, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from fs2od.errors import Fs2odError
from fs2od.onedata import errors
from fs2od.portal._language import Language
from fs2od.portal._rendering import html_page, json_twin, wants_json
from fs2od.portal._sentences import sentence
from fs2od.portal._texts import language_of
from fs2od.portal._visitors import Visitor

__all__ = ["NO_PAGE", "SIGN_IN_FIRST", "TOO_MUCH", "Problem", "closed_problem", "problem_of", "problem_page"]


@dataclass(frozen=True)
class Problem:
    """One error in words for the one who reads the page: sentences, said in the reader's language when the page is made."""

    status: int
    title: str
    happened: str
    advice: str
    link: str = ""
    link_says: str = ""

    def said_in(self, language: Language) -> Problem:
        """Return the same in a language."""

        def said(text: str) -> str:
            return str(language.translated(text))

        return replace(
            self,
            title=said(self.title),
            happened=said(self.happened),
            advice=said(self.advice),
            link_says=said(self.link_says),
        )


NO_PAGE = Problem(
    404,
    sentence("There is no such page"),
    sentence("The address leads nowhere on this server. No data is affected."),
    sentence("Check that you have the whole address: mail programs like to cut long ones."),
    "/",
    sentence("To the front page"),
)

SIGN_IN_FIRST = Problem(401, sentence("Sign in first"), "", sentence("Open /sign-in in a browser."))
"""What programs are told that ask for a person's page; browsers are led to the sign-in."""

TOO_MUCH = Problem(
    413,
    sentence("This selection is too long for a page"),
    sentence("More was selected than fits here. No data is affected."),
    sentence("Go back and take it as an archive, or select whole folders."),
)

_NO_SELECTION = Problem(
    400,
    sentence("This is no selection"),
    sentence("What was sent names no files of this dataset. No data is affected."),
    sentence("Tick files or folders on the dataset's page and send that."),
)

_NO_SHARE = Problem(
    404,
    sentence("This link leads to no dataset"),
    sentence(
        "Either it was cut short when it was copied, or its owners have ended it. The data itself is not touched by that."
    ),
    sentence("Check that you have the whole link, or ask whoever gave it to you for a new one."),
)


def closed_problem(visitor: Visitor | None) -> Problem:
    """Return the words for a link that is not open for who looks: the way to the sign-in, or that it is not for them."""
    if visitor is None or visitor.caller is None:
        said = sentence("This link is for the members of the dataset, for now or for good. You are not signed in.")
        advice = sentence("Sign in: you come back here. If you were given an invite token, join with it first.")
        way = ("", "") if visitor is None else (visitor.sign_in, sentence("Sign in"))
        return Problem(401, sentence("For members"), said, advice, *way)
    said = sentence(
        "This link is for the members of the dataset, for now or for good. %(name)s is not one of them.",
        name=visitor.name,
    )
    advice = sentence(
        "If you were given an invite token, join with it. Otherwise ask whoever gave you the link for one."
    )
    return Problem(403, sentence("For members"), said, advice, "/join", sentence("Join with an invite token"))


def problem_of(error: Fs2odError, *, dataset: str = "", below: bool = False, is_form: bool = False) -> Problem:
    """Return the words for an error.

    Args:
        error: What happened.
        dataset: The address of the dataset's page.
        below: Whether a path was asked for.
        is_form: Whether something was chosen in a form.
    """
    back = (
        {"link": dataset, "link_says": sentence("To the dataset")}
        if dataset and below
        else {"link": "", "link_says": ""}
    )
    match error:
        case errors.PosixError(errno="eacces"):
            said = sentence("This part of the dataset is for its members; the link shows only what is for everybody.")
            return Problem(403, sentence("For members only"), said, sentence("Ask whoever gave you the link."), **back)
        case errors.PosixError() if below:
            said = sentence(
                "There is nothing at this place of the dataset. While a measurement goes on, files may still change their names."
            )
            return Problem(
                404,
                sentence("Not here, or not any more"),
                said,
                sentence("Look for it from the top of the dataset."),
                **back,
            )
        case errors.PosixError():
            said = sentence("The link stands, but the folder that it points at is gone from the storage.")
            return Problem(
                404,
                sentence("The data is not here any more"),
                said,
                sentence("Ask the facility: it knows where the data went."),
            )
        case errors.NotFound():
            return _NO_SHARE
        case errors.Rejected() if is_form:
            return replace(_NO_SELECTION, link=dataset, link_says=sentence("To the dataset"))
        case _:
            said = sentence("The dataset is known, but its storage cannot be reached. Nothing is lost by that.")
            return Problem(
                503,
                sentence("Not available at the moment"),
                said,
                sentence("Try again in a few minutes; then tell the facility."),
            )


def problem_page(
    request: Request, problem: Problem, frame: Mapping[str, object], *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the error in the look of our pages, or as JSON where that was asked for."""
    said = problem.said_in(language_of(request))
    if wants_json(request) or request.url.path.endswith(".json"):
        words = {key: value for key, value in asdict(said).items() if value != ""}
        return json_twin(request, {"problem": words}, status=problem.status, headers=headers)
    return html_page(request, "problem.html", {**frame, "problem": said}, status=problem.status, headers=headers)
