/// The edits that bring one deployment's fields back, collected first and applied from the end of the text to its beginning.
struct RevertEdits {
    private struct Edit {
        /// Lines from 1. Replaced as a whole if `columns` is nil; an empty range inserts before its first line.
        var lines: Range<Int>
        var columns: Range<Int>?
        var text: [EditableText.Line]
    }

    private let now: EditableText
    private let old: EditableText
    private var edits: [Edit] = []

    init(_ now: EditableText, _ old: EditableText) { (self.now, self.old) = (now, old) }

    /// - Parameter isFine: changes single values; otherwise whole fields of `spec`.
    /// - Returns: false if some part cannot be edited.
    mutating func revert(isFine: Bool) -> Bool {
        revert(now.spec, old.spec, keys: ManifestRevert.fields, isFine: isFine)
    }

    private mutating func revert(_ now: SourceNode, _ old: SourceNode, keys: [String], isFine: Bool) -> Bool {
        var last: SourceNode.Entry?
        for key in keys {
            let (new, before) = (now.entry(key), old.entry(key))
            if let new, let before {
                last = new
                guard
                    ManifestRevert.same(new.value, before.value)
                        || revert(new, before, in: now, of: old, isFine: isFine)
                else { return false }
            } else if let new {
                guard delete(new, from: now) else { return false }
            } else if let before {
                guard insert(before, from: old, into: now, after: last) else { return false }
            }
        }
        return true
    }

    private mutating func revert(
        _ new: SourceNode.Entry, _ before: SourceNode.Entry, in now: SourceNode, of old: SourceNode, isFine: Bool
    ) -> Bool {
        if isFine {
            switch (new.value.content, before.value.content) {
            case (.scalar, .scalar):
                if replaceToken(new.value, before.value, in: now, of: old) { return true }
            case (.mapping(let own), .mapping(let others)) where !own.isEmpty && !others.isEmpty:
                let saved = edits
                let common = own.map(\.key)
                let keys = common + others.map(\.key).filter { !common.contains($0) }
                let isKept = others.contains { common.contains($0.key) }
                if isKept, revert(new.value, before.value, keys: keys, isFine: true) { return true }
                edits = saved
            default: break
            }
        }
        return replace(new, before, in: now, of: old)
    }

    private mutating func replaceToken(
        _ new: SourceNode, _ before: SourceNode, in parent: SourceNode, of oldParent: SourceNode
    ) -> Bool {
        let isFlow = now.isFlow(parent)
        guard let target = now.token(of: new, inFlow: isFlow),
            let source = old.token(of: before, inFlow: old.isFlow(oldParent))
        else { return false }
        let line = new.place.line
        let text = Array(old.lines[before.place.line - 1][(source.lowerBound - 1)..<(source.upperBound - 1)])
        edits.append(Edit(lines: line..<line + 1, columns: target, text: [text]))
        return true
    }

    /// Replaces a whole entry: its lines in a block, or its value in a flow mapping.
    private mutating func replace(
        _ new: SourceNode.Entry, _ before: SourceNode.Entry, in parent: SourceNode, of oldParent: SourceNode
    ) -> Bool {
        if now.isFlow(parent) || old.isFlow(oldParent) {
            return replaceToken(new.value, before.value, in: parent, of: oldParent)
        }
        guard let target = now.lines(of: new), let source = shifted(before, to: new.keyPlace.column) else {
            return false
        }
        edits.append(Edit(lines: target, columns: nil, text: source))
        return true
    }

    private mutating func delete(_ entry: SourceNode.Entry, from parent: SourceNode) -> Bool {
        guard !now.isFlow(parent), let lines = now.lines(of: entry) else { return false }
        edits.append(Edit(lines: lines, columns: nil, text: []))
        return true
    }

    private mutating func insert(
        _ entry: SourceNode.Entry, from oldParent: SourceNode, into parent: SourceNode, after last: SourceNode.Entry?
    ) -> Bool {
        guard !now.isFlow(parent), !old.isFlow(oldParent), case .mapping(let own) = parent.content,
            let anchor = last ?? own.last, let lines = now.lines(of: anchor),
            let source = shifted(entry, to: anchor.keyPlace.column)
        else { return false }
        edits.append(Edit(lines: lines.upperBound..<lines.upperBound, columns: nil, text: source))
        return true
    }

    /// The lines of an entry of the old text, moved to another column and with the line ends of the new text.
    private func shifted(_ entry: SourceNode.Entry, to column: Int) -> [EditableText.Line]? {
        guard let lines = old.lines(of: entry) else { return nil }
        let shift = column - entry.keyPlace.column
        var moved: [EditableText.Line] = []
        for line in lines {
            var text = old.lines[line - 1]
            if text.last == "\r" { text.removeLast() }
            if shift > 0, !text.isEmpty { text = Array(repeating: " ", count: shift) + text }
            if shift < 0 {
                let blanks = text.prefix { $0 == " " }.count
                guard blanks >= -shift || blanks == text.count else { return nil }
                text.removeFirst(min(-shift, blanks))
            }
            moved.append(now.hasReturns ? text + ["\r"] : text)
        }
        return moved
    }

    /// The edited text; nil where edits overlap.
    var applied: String? {
        var lines = now.lines
        // From the end to the beginning. At the same line, what is inserted comes first, in its order.
        let ordered = edits.enumerated().sorted { left, right in
            func rank(_ edit: (offset: Int, element: Edit)) -> (Int, Int, Int, Int) {
                let own = edit.element
                return (own.lines.lowerBound, own.lines.isEmpty ? 0 : 1, own.columns?.lowerBound ?? 0, edit.offset)
            }
            return rank((left.offset, left.element)) < rank((right.offset, right.element))
        }.map(\.element)
        var limit = (line: Int.max, column: Int.max)
        for edit in ordered.reversed() {
            if let columns = edit.columns {
                let line = edit.lines.lowerBound
                guard line < limit.line || (line == limit.line && columns.upperBound <= limit.column) else {
                    return nil
                }
                lines[line - 1].replaceSubrange((columns.lowerBound - 1)..<(columns.upperBound - 1), with: edit.text[0])
                limit = (line, columns.lowerBound)
            } else {
                guard edit.lines.upperBound <= limit.line || limit.line == Int.max else { return nil }
                // A last line without a line end gets one before more follows.
                lines.replaceSubrange((edit.lines.lowerBound - 1)..<(edit.lines.upperBound - 1), with: edit.text)
                limit = (edit.lines.lowerBound, 0)
            }
        }
        var scalars = String.UnicodeScalarView()
        if now.hasMark { scalars.append("\u{FEFF}") }
        for (index, line) in lines.enumerated() {
            if index > 0 { scalars.append("\n") }
            scalars += line
        }
        return String(scalars)
    }
}
