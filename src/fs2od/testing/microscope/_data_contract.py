"""Write XML in the manner of .NET's DataContractSerializer, which EPU uses.

Its habits matter to readers that look at prefixes: a member whose content comes from another namespace declares that
namespace under the next free letter and uses it for its children, objects are numbered by `z:Id`, and there is no XML
declaration, no byte order mark and no white space between elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Final

__all__ = ["Content", "Node", "boxed", "document", "own", "same_as", "tracked", "within"]

_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SERIALIZATION: Final = "http://schemas.microsoft.com/2003/10/Serialization/"

Scalar = str | int | float | bool | None
Members = Mapping[str, "Content"] | Sequence[tuple[str, "Content"]]


@dataclass(frozen=True, slots=True)
class Node:
    """An element's content with what .NET says about it. Build one with the functions below."""

    content: Scalar | Members
    children_in: str | None = None
    own_namespace: str | None = None
    typed_as: str | None = None
    is_object: bool = False
    label: str | None = None
    refers_to: str | None = None
    described: tuple[tuple[str, str], ...] = ()


Content = Scalar | Members | Node


def within(namespace: str, content: Content) -> Node:
    """Say that the children belong to a namespace, which gets the next free letter."""
    return replace(_node(content), children_in=namespace)


def own(namespace: str, content: Content) -> Node:
    """Say that the element itself belongs to a namespace, which becomes the default below it."""
    return replace(_node(content), own_namespace=namespace)


def boxed(content: Content, *, type_name: str, namespace: str) -> Node:
    """Say of which type a value is that stands where any type may stand."""
    return replace(_node(content), typed_as=type_name, children_in=namespace)


def tracked(
    content: Content, *, label: str | None = None, type_name: str = "", assembly: str = "", size: int | None = None
) -> Node:
    """Give an object a number, so that `same_as` can refer to it by its label."""
    described = [("z:Type", type_name), ("z:Assembly", assembly), ("z:Size", "" if size is None else str(size))]
    return replace(
        _node(content), is_object=True, label=label, described=tuple((key, text) for key, text in described if text)
    )


def same_as(label: str) -> Node:
    """Refer to the object that was tracked under this label before."""
    return Node(None, refers_to=label)


def document(root: str, content: Content, *, namespace: str, tracks_objects: bool = False) -> str:
    """Render one document whose default namespace is `namespace`."""
    declared = f' xmlns="{namespace}" xmlns:i="{_INSTANCE}"'
    if tracks_objects:
        declared += f' xmlns:z="{_SERIALIZATION}"'
    return _Writer().element(root, _node(content), _Scope(default=namespace), prefix="", declared=declared)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which namespaces are declared at some place, the default one and those with a letter."""

    default: str
    lettered: tuple[str, ...] = ()

    def prefix_of(self, namespace: str) -> str:
        return f"{chr(ord('a') + self.lettered.index(namespace))}:"


@dataclass(slots=True)
class _Writer:
    numbers: dict[str, int] = field(default_factory=dict)
    last_number: int = 0

    def element(self, name: str, node: Node, scope: _Scope, *, prefix: str, declared: str = "") -> str:
        if node.own_namespace is not None:
            prefix = ""
            if node.own_namespace != scope.default:
                declared = f' xmlns="{node.own_namespace}"'
                scope = replace(scope, default=node.own_namespace)
        child_prefix = prefix
        if node.children_in is not None:
            if node.children_in not in scope.lettered:
                scope = replace(scope, lettered=(*scope.lettered, node.children_in))
                declared += f' xmlns:{scope.prefix_of(node.children_in)[0]}="{node.children_in}"'
            child_prefix = scope.prefix_of(node.children_in)
        attributes = self._attributes(node, child_prefix)
        text = self._inside(node.content, scope, prefix=child_prefix)
        opening = f"<{prefix}{name}{attributes}{declared}"
        return f"{opening}>{text}</{prefix}{name}>" if text else f"{opening}/>"

    def _inside(self, content: Scalar | Members, scope: _Scope, *, prefix: str) -> str:
        if content is None or isinstance(content, str | int | float):
            return _text(content)
        return "".join(self.element(name, _node(child), scope, prefix=prefix) for name, child in _pairs(content))

    def _attributes(self, node: Node, child_prefix: str) -> str:
        attributes = self._object_attributes(node)
        if node.typed_as is not None:
            attributes += f' i:type="{child_prefix}{node.typed_as}"'
        if node.content is None:
            attributes += ' i:nil="true"'
        return attributes

    def _object_attributes(self, node: Node) -> str:
        if node.refers_to is not None:
            return f' z:Ref="{self.numbers[node.refers_to]}"'
        if not node.is_object:
            return ""
        self.last_number += 1
        if node.label is not None:
            self.numbers[node.label] = self.last_number
        described = "".join(f' {key}="{escape(text)}"' for key, text in node.described)
        return f' z:Id="{self.last_number}"{described}'


def _node(content: Content) -> Node:
    return content if isinstance(content, Node) else Node(content)


def _pairs(members: Members) -> Iterable[tuple[str, Content]]:
    return members.items() if isinstance(members, Mapping) else members


def _text(value: Scalar) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return escape(str(value), quote=False)


def _number(value: float) -> str:
    """Write a double as .NET does: capital E, two digits of exponent, no ".0" behind whole numbers."""
    return repr(value).removesuffix(".0").upper()
