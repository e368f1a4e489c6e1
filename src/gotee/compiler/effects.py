"""Which parts of a statement may have an effect when it runs at import. Host world; called by `purity`."""

from __future__ import annotations

import ast

from gotee.compiler import known
from gotee.compiler.facts import DEFINITIONS
from gotee.compiler.plain import Plain
from gotee.compiler.scopes import arguments_of, bound_names, live_function_parts, walk

# Builtins that run no code of what is in a built-in container.
_SHALLOW = {"builtins." + name for name in ("len", "bool", "list", "tuple", "enumerate", "reversed", "zip")}


class View(Plain):
    """Looks at one statement."""

    # -- statements --------------------------------------------------------------------------------------

    def statement(self, node: ast.AST) -> ast.AST | None:
        if isinstance(node, DEFINITIONS):
            return self._function(node)
        if isinstance(node, ast.ClassDef):
            return self._class(node)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if not self._is_target(target, node.value):
                    return target
            return self._value(node.value)
        if isinstance(node, ast.AnnAssign):
            if not isinstance(node.target, ast.Name):
                return node
            return self._calls(node.annotation) or (self._value(node.value) if node.value is not None else None)
        if isinstance(node, ast.Expr):
            return self.expression(node.value)
        if isinstance(node, ast.Global):
            return node if self._in_class else None
        if isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom, ast.Break, ast.Continue)):
            return None
        if isinstance(node, ast.If):
            return self._truth(node.test) or self._block(node.body) or self._block(node.orelse)
        if isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            kinds = [handler.type for handler in node.handlers if handler.type is not None]
            return self._first(kinds) or self._block([*node.body, *handlers, *node.orelse, *node.finalbody])
        if isinstance(node, ast.For):
            if not self.plain(node.iter) or not self._is_target(node.target, None):
                return node.iter
            return self._block([*node.body, *node.orelse])
        if type(node).__name__ == "TypeAlias":
            return None
        return node

    def _block(self, body: list[ast.stmt]) -> ast.AST | None:
        for node in body:
            found = self.statement(node)
            if found is not None:
                return found
        return None

    def _is_target(self, target: ast.expr, value: ast.expr | None) -> bool:
        if isinstance(target, (ast.Tuple, ast.List)):
            if self._in_class and isinstance(value, (ast.Tuple, ast.List)):
                return all(map(self._class_value, value.elts)) and self._is_target(target, None)
            unpacks = value is None or self.plain(value) or isinstance(value, (ast.Tuple, ast.List))
            return unpacks and all(self._is_target(element, None) for element in target.elts)
        return isinstance(target, (ast.Name, ast.Starred))

    def _value(self, node: ast.expr) -> ast.AST | None:
        if self._in_class and not self._class_value(node):
            return node
        return self.expression(node)

    def _class_value(self, node: ast.expr) -> bool:
        """An object of the program in a class body may have `__set_name__`."""
        if isinstance(node, ast.Name):
            found = self._facts.in_program(self._module, node)
            defined = found is not None and isinstance(found[1].node, (*DEFINITIONS, ast.ClassDef))
            return defined or self.plain(node) or node.id in self._class_names or self._outside(node) is not None
        if isinstance(node, ast.Call):
            outside = self._outside(node.func)
            if outside == "dataclasses.field":  # hands `__set_name__` on to its default
                return all(self._class_value(word.value) for word in node.keywords)
            return outside is not None
        if isinstance(node, ast.Attribute):
            return self._outside(node) is not None
        return not isinstance(node, (ast.IfExp, ast.BoolOp, ast.NamedExpr))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST | None:
        decorators, evaluated = live_function_parts(node)
        for decorator in decorators:
            if not self._decorates_only(decorator):
                return decorator
        for part in evaluated:
            found = self.expression(part)
            if found is not None:
                return found
        for annotation in [*(argument.annotation for argument in arguments_of(node.args)), node.returns]:
            found = self._calls(annotation)
            if found is not None:
                return found
        return None

    def _decorates_only(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            outside = self._outside(node.func)
            return outside is not None and known.keeps_arguments(outside) and self.expression(node) is None
        if isinstance(node, ast.Attribute) and node.attr in ("setter", "getter", "deleter"):
            return self._in_class and isinstance(node.value, ast.Name) and node.value.id in self._class_names
        outside = self._outside(node)
        return outside is not None and known.keeps_arguments(outside)

    def _class(self, node: ast.ClassDef) -> ast.AST | None:
        for decorator in node.decorator_list:
            if not self._decorates_only(decorator):
                return decorator
        for base in node.bases:
            if not self._facts.plain_class(self._module, base):
                return base
            if isinstance(base, ast.Subscript) and self.expression(base.slice) is not None:
                return base.slice
        defined = set(bound_names(node.body))
        if "__subclasshook__" in defined and any(self._outside(base) is None for base in node.bases):
            return node.bases[0]  # asked by isinstance() of a base class
        if any(self._enumerates(base) for base in node.bases) and self._facts.makes_members(self._module, node):
            return node.bases[0]
        for keyword in node.keywords:
            plain = known.plain_metaclass(self._outside(keyword.value) or "")
            typed = keyword.arg == "total" and isinstance(keyword.value, ast.Constant)
            if not (keyword.arg == "metaclass" and plain) and not typed:
                return keyword.value
        if any(self._enumerates(base) for base in node.bases) and (hashed := self._member_keys(node)) is not None:
            return hashed
        before = self._in_class, self._class_names, self._local
        bound = {child.name for child in node.body if isinstance(child, (*DEFINITIONS, ast.ClassDef))}
        bound |= {name.id for name in walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        self._in_class, self._class_names, self._local = True, frozenset(bound), self._local | bound
        found = self._block(node.body)
        self._in_class, self._class_names, self._local = before
        return found

    def _member_keys(self, node: ast.ClassDef) -> ast.AST | None:
        """Values of an enum are hashed and compared; those that are not plain by themselves are looked at elsewhere."""
        values = [child.value for child in node.body if isinstance(child, ast.Assign)]
        return next((found for v in values if isinstance(v, ast.Tuple) and (found := self._key(v)) is not None), None)

    def _enumerates(self, base: ast.expr) -> bool:
        """Whether a base is an enum, as far as is known."""
        outside = self._outside(base)
        if outside is not None:
            return outside.startswith("enum.")
        found = self._facts.in_program(self._module, base)
        if found is None or not isinstance(found[1].node, ast.ClassDef):
            return False
        view = View(self._facts, found[0], found[1])
        return any(view._enumerates(inner) for inner in found[1].node.bases)

    def _calls(self, node: ast.expr | None) -> ast.AST | None:
        """What may run code in an annotation: calls, and operators on what is not a plain class."""
        if node is None or self._facts.future_annotations(self._module):
            return None
        for child in walk(node):
            if isinstance(child, (ast.Call, ast.NamedExpr, ast.Await)) and self.expression(child) is not None:
                return child
            if isinstance(child, ast.Subscript) and self._own(child.value) and self._subscript(child) is not None:
                return child
            own = isinstance(child, ast.BinOp) and (self._own(child.left) or self._own(child.right))
            if own and isinstance(child, ast.BinOp) and not self._is_type(child):
                return child
            if isinstance(child, ast.Attribute) and self._own(child) and not self._reads_only(child):
                return child
        return None

    def _own(self, node: ast.expr) -> bool:
        """Whether an expression is something of the program."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        return isinstance(node, ast.Name) and bool(self._facts.all_in_program(self._module, node))

    # -- expressions -------------------------------------------------------------------------------------

    def expression(self, node: ast.AST | None) -> ast.AST | None:
        """The first part of an expression that may have an effect, or None."""
        if node is None or isinstance(node, (ast.Constant, ast.Name)):
            return None
        if isinstance(node, ast.Lambda):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            return self._first(defaults)
        if isinstance(node, ast.Attribute):
            return None if self._reads_only(node) else node
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, (ast.Tuple, ast.List)):
            return self._first(node.elts)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                found = self._key(key) if key is not None else None if self.plain(value) else value
                if found is not None:
                    return found
            return self._first(node.values)
        if isinstance(node, ast.Set):
            return next((found for element in node.elts if (found := self._key(element)) is not None), None)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.IfExp):
            return self._truth(node.test) or self._first([node.body, node.orelse])
        if isinstance(node, ast.NamedExpr):
            return self._value(node.value)
        if isinstance(node, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
            return self._first([node.left, *node.comparators])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and self._is_type(node):
            return None
        if isinstance(node, ast.keyword):
            return self.expression(node.value)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return self._comprehension(node)
        return None if self.plain(node) else node

    def _first(self, nodes: list[ast.expr | None] | list[ast.expr]) -> ast.AST | None:
        for node in nodes:
            found = self.expression(node)
            if found is not None:
                return found
        return None

    def _key(self, node: ast.expr) -> ast.AST | None:
        """A key of a dictionary or member of a set: an object of the program may have its own `__hash__`."""
        if isinstance(node, ast.Tuple):
            return next((found for element in node.elts if (found := self._key(element)) is not None), None)
        known_hash = isinstance(node, ast.Lambda) or self.plain(node) or self._outside(node) is not None
        bound = None if known_hash else self._facts.in_program(self._module, node)
        if bound is not None:
            definition = bound[1].node
            of_type = isinstance(definition, ast.ClassDef) and self._facts.plain_class(self._module, node)
            known_hash = of_type or isinstance(definition, DEFINITIONS)
        return self.expression(node) if known_hash else node

    def _truth(self, node: ast.expr) -> ast.AST | None:
        """A test: asking an object of the program for its truth may run its code."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._truth(node.operand)
        if isinstance(node, ast.BoolOp):
            return next((found for value in node.values if (found := self._truth(value)) is not None), None)
        identity = isinstance(node, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        outside = isinstance(node, (ast.Name, ast.Attribute)) and self._outside(node) is not None
        return self.expression(node) if identity or outside or self.plain(node) else node

    def _is_type(self, node: ast.expr) -> bool:
        """A union of types: `int | None`."""
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, ast.BitOr) and self._is_type(node.left) and self._is_type(node.right)
        if isinstance(node, ast.Subscript):
            return self._is_type(node.value) and self.expression(node.slice) is None
        if isinstance(node, ast.Constant):
            return node.value is None
        if isinstance(node, ast.Call):
            return (self._outside(node.func) or "").startswith("typing")
        found = self._facts.in_program(self._module, node)
        if found is None:
            return self._outside(node) is not None
        if isinstance(found[1].node, (ast.Assign, ast.AnnAssign)) and isinstance(node, (ast.Name, ast.Attribute)):
            value = found[1].node.value
            return value is not None and value is not node and View(self._facts, *found)._is_type(value)
        return isinstance(found[1].node, ast.ClassDef) and self._facts.plain_class(self._module, node)

    def _reads_only(self, node: ast.Attribute) -> bool:
        """An attribute of a module, or a simple attribute of a class; others may be properties."""
        if self._outside(node) is not None:
            return True
        if self._facts.in_program(self._module, node) is not None:
            return True
        found = self._facts.in_program(self._module, node.value)
        if found is None or not isinstance(found[1].node, ast.ClassDef):
            return False
        if self._facts.marks.descriptors and {node.attr, "*"} & self._facts.marks.attributes:
            return False
        for child in found[1].node.body:
            if isinstance(child, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == node.attr for t in child.targets
            ):
                return self._facts.plain_class(found[0], _name_of(found[1].node)) and self.plain(child.value)
            if isinstance(child, DEFINITIONS) and child.name == node.attr:
                return not child.decorator_list and self._facts.plain_class(found[0], _name_of(found[1].node))
        return False

    def _subscript(self, node: ast.Subscript) -> ast.AST | None:
        outside = self._outside(node.value)
        if outside is not None and (known.touches_nothing(outside) or outside.startswith(("builtins.", "gotee."))):
            hashed = self._hashed(node.slice) if outside.startswith("typing") else None
            return hashed or self.expression(node.slice)
        if outside == "os.environ":
            return self.expression(node.slice)
        found = self._facts.in_program(self._module, node.value)
        if found is not None and isinstance(found[1].node, ast.ClassDef):
            plain = self._facts.plain_class(found[0], _name_of(found[1].node))
            return self.expression(node.slice) if plain else node
        return None if self.plain(node) else node

    def _hashed(self, node: ast.expr) -> ast.AST | None:
        """What has its own hash, perhaps, in the slice of a type of `typing`: an object that a name is bound to."""
        if isinstance(node, (ast.Tuple, ast.List)):
            return next((found for element in node.elts if (found := self._hashed(element)) is not None), None)
        if not isinstance(node, ast.Name) or node.id in self._local or self._is_type(node):
            return None
        bound = self._facts.in_program(self._module, node)
        definition = bound is not None and isinstance(bound[1].node, (*DEFINITIONS, ast.ClassDef))
        return None if definition else self._key(node)

    def _comprehension(self, node: ast.expr) -> ast.AST | None:
        assert isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        before = self._local
        for generator in node.generators:
            if not self.plain(generator.iter) or generator.is_async:
                self._local = before
                return generator.iter
            self._local = self._local | {n.id for n in walk(generator.target) if isinstance(n, ast.Name)}
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        found = self._first(parts)
        if isinstance(node, (ast.DictComp, ast.SetComp)):
            found = found or self._key(parts[0])
        for test in (test for generator in node.generators for test in generator.ifs):
            found = found or self._truth(test)
        self._local = before
        return found

    def _call(self, node: ast.Call) -> ast.AST | None:
        function = node.func
        if isinstance(function, ast.Subscript):
            function = function.value
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        outside = self._outside(function)
        if self._facts.marks.codecs and known.uses_codec(node):
            return node
        if outside is not None:
            if self._facts.marks.is_replaced(outside):
                return node
            if outside == "builtins.print" and not any(keyword.arg in (None, "file") for keyword in node.keywords):
                return None if all(self.plain(argument) for argument in node.args) else node
            if not known.computes(outside) or (node.args and known.changes_argument(outside)):
                return node
            mapping = next((word.value for word in node.keywords if word.arg is None), None)
            found = self._first(arguments) or (None if self.plain(mapping) else mapping)
            if found is None and known.looks_at_arguments(outside):
                found = next((argument for argument in arguments if not self._inert(argument)), None)
            if found is not None or known.keeps_arguments(outside):
                return found
            if outside == "builtins.type" and len(node.args) == 1:
                return None
            if outside in _SHALLOW and not node.keywords and all(map(self._container, node.args)):
                return None
            return None if all(self.plain(argument) for argument in arguments) else node
        if isinstance(function, ast.Attribute) and self.plain(function.value):
            immutable = self._immutable(function.value)
            return None if immutable and all(self.plain(argument) for argument in arguments) else node
        return node

    def _inert(self, node: ast.expr) -> bool:
        """Whether reading attributes of a value, or iterating over it, runs no code of the program."""
        if isinstance(node, (ast.List, ast.Tuple)):
            return all(map(self._inert, node.elts))
        if isinstance(node, (ast.Lambda, ast.Dict)) or self._container(node) or self._outside(node) is not None:
            return True
        if isinstance(node, ast.Name) and node.id in self._class_names:
            return True
        if isinstance(node, ast.Call):
            return self._outside(node.func) is not None
        if isinstance(node, ast.Attribute) and self._facts.in_program(self._module, node) is None:
            return self._reads_only(node)
        bound = self._facts.all_in_program(self._module, node)
        return bool(bound) and all(isinstance(unit.node, (*DEFINITIONS, ast.ClassDef)) for _, unit, _ in bound)


def _name_of(node: ast.ClassDef) -> ast.expr:
    return ast.Name(node.name, ast.Load())
