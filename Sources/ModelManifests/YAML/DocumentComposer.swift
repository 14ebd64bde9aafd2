import Yams

/// Parses text to nodes with libyaml, within bounds.
struct DocumentComposer {
    /// A manifest has some hundred values; more than this is a mistake or an attack.
    static let nodeLimit = 100_000
    static let depthLimit = 64
    /// The limit for repeated keys, which are found one at a time.
    static let duplicateKeyLimit = 16
    /// Finding each repeated key parses the text again. In long texts fewer are found, so that the parsed bytes stay within this.
    static let composedLimitBytes = 1 << 20

    /// The result for one document's text. A text has several documents only where `...` separates them.
    struct Composed {
        var roots: [Root] = []
        /// Why the rest of the text could not be read.
        var failure: SyntaxFailure?
    }

    struct Root {
        var node: SourceNode
        /// Keys that occur twice in one mapping.
        var duplicates: [DuplicateKey] = []
    }

    struct DuplicateKey: Hashable {
        var path: [PathElement]
        var place: SourcePlace
        var first: SourcePlace
    }

    struct SyntaxFailure: Error, Hashable {
        var place: SourcePlace
        var message: String
        var suggestion: String?
    }

    private let linesBefore: Int
    private var marks: DuplicateKeyMarks
    private var path: [PathElement] = []
    private var nodeCount = 0
    private var duplicates: [DuplicateKey] = []

    private init(linesBefore: Int, marks: DuplicateKeyMarks) {
        self.linesBefore = linesBefore
        self.marks = marks
    }

    static func compose(_ document: DocumentText) -> Composed {
        let aliases = AliasLimit.upperBound(document.text)
        if aliases > AliasLimit.limit || (aliases > 0 && document.text.utf8.count > AliasLimit.textLimitBytes) {
            return Composed(
                failure: SyntaxFailure(
                    place: SourcePlace(line: document.linesBefore + 1, column: 1),
                    message: aliases > AliasLimit.limit
                        ? "the document has \(aliases) aliases; at most \(AliasLimit.limit) are allowed"
                        : "a document with aliases can have at most \(AliasLimit.textLimitBytes) bytes",
                    suggestion: "write the values out instead of repeating them with '*'"))
        }
        var marks = DuplicateKeyMarks(text: document.text)
        let rounds = min(duplicateKeyLimit, max(2, composedLimitBytes / max(1, document.text.utf8.count)))
        for _ in 0..<rounds {
            var composer = DocumentComposer(linesBefore: document.linesBefore, marks: marks)
            do {
                return try composer.composeAll()
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                guard marks.mark(names.min() ?? "", line: context.mark.line, column: context.mark.column) else {
                    return Composed(failure: composer.duplicateFailure(names, at: context.mark))
                }
            } catch let failure as SyntaxFailure {
                return Composed(failure: failure)
            } catch {
                return Composed(failure: SyntaxFailure(error, linesBefore: document.linesBefore))
            }
        }
        return Composed(
            failure: SyntaxFailure(
                place: SourcePlace(line: document.linesBefore + 1, column: 1),
                message: "more than \(rounds) keys are given twice", suggestion: "give every key once"))
    }

    private mutating func composeAll() throws -> Composed {
        var roots: [Root] = []
        let parser = try Parser(yaml: marks.text, resolver: .basic, encoding: .utf8)
        do {
            while let root = try parser.nextRoot() {
                duplicates = []
                let node = try convert(root)
                roots.append(Root(node: node, duplicates: duplicates))
            }
        } catch let error as YamlError {
            if case .duplicatedKeysInMapping = error { throw error }
            let failure = SyntaxFailure(error, linesBefore: linesBefore)
            return Composed(roots: roots, failure: failure)
        }
        return Composed(roots: roots)
    }

    private mutating func convert(_ node: Node) throws -> SourceNode {
        nodeCount += 1
        let place = place(node.mark)
        guard nodeCount <= Self.nodeLimit else {
            throw SyntaxFailure(place: place, message: "the document contains more than \(Self.nodeLimit) values")
        }
        guard path.count <= Self.depthLimit else {
            throw SyntaxFailure(place: place, message: "values are nested more than \(Self.depthLimit) deep")
        }
        switch node {
        case .scalar(let scalar):
            return SourceNode(content: .scalar(scalar.string, isPlain: try isPlain(scalar, at: place)), place: place)
        case .sequence(let sequence):
            var items: [SourceNode] = []
            items.reserveCapacity(sequence.count)
            for (index, item) in sequence.enumerated() {
                path.append(.index(index))
                items.append(try convert(item))
                path.removeLast()
            }
            return SourceNode(content: .sequence(items), place: place)
        case .mapping(let mapping):
            return SourceNode(content: .mapping(try convert(mapping)), place: place)
        case .alias:
            throw SyntaxFailure(place: place, message: "the alias cannot be resolved")
        }
    }

    private mutating func convert(_ mapping: Node.Mapping) throws -> [SourceNode.Entry] {
        var entries: [SourceNode.Entry] = []
        entries.reserveCapacity(mapping.count)
        // Yams refuses repeated keys, unless they were marked.
        var firstPlaces: [String: SourcePlace]? = marks.isEmpty ? nil : [:]
        for (key, value) in mapping {
            let keyPlace = place(key.mark)
            guard case .scalar(let scalar) = key else {
                throw SyntaxFailure(place: keyPlace, message: "a key must be text, not a list or a mapping")
            }
            guard scalar.string != "<<" || scalar.style != .plain else {
                throw SyntaxFailure(
                    place: keyPlace, message: "merge keys ('<<') are not supported", suggestion: "write the fields out")
            }
            let name = DuplicateKeyMarks.original(scalar.string)
            path.append(.field(name))
            let entry = SourceNode.Entry(key: name, keyPlace: keyPlace, value: try convert(value))
            if let first = firstPlaces?[name] {
                duplicates.append(DuplicateKey(path: path, place: keyPlace, first: first))
            } else {
                firstPlaces?[name] = keyPlace
                entries.append(entry)
            }
            path.removeLast()
        }
        return entries
    }

    private func isPlain(_ scalar: Node.Scalar, at place: SourcePlace) throws -> Bool {
        switch scalar.tag.rawValue {
        case "": return scalar.style == .plain
        case Tag.Name.str.rawValue, "!": return false
        case Tag.Name.int.rawValue, Tag.Name.float.rawValue, Tag.Name.bool.rawValue, Tag.Name.null.rawValue:
            return true
        case let tag:
            throw SyntaxFailure(place: place, message: "the tag '\(tag.shortened)' is not supported")
        }
    }

    private func place(_ mark: Mark?) -> SourcePlace {
        guard let mark else { return SourcePlace(line: linesBefore + 1, column: 1) }
        let column = mark.column - marks.insertions(before: mark.column, line: mark.line)
        return SourcePlace(line: mark.line + linesBefore, column: column)
    }

    private func duplicateFailure(_ names: [String], at mark: Mark) -> SyntaxFailure {
        let shown = names.sorted().map { "'\($0.shortened)'" }.joined(separator: ", ")
        return SyntaxFailure(place: place(mark), message: "given twice: \(shown)", suggestion: "give every key once")
    }
}

extension DocumentComposer.SyntaxFailure {
    init(_ error: any Error, linesBefore: Int) {
        func at(_ mark: Mark) -> SourcePlace { SourcePlace(line: mark.line + linesBefore, column: mark.column) }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, let yaml)?:
            let isTab = yaml.character(line: mark.line, column: mark.column) == "\t"
            self.init(
                place: at(mark), message: "YAML syntax: \(Self.joined(context, problem))",
                suggestion: isTab ? "indent with spaces, not with tabs" : Self.advice(problem))
        case .parser(let context, let problem, let mark, _)?, .composer(let context, let problem, let mark, _)?:
            self.init(
                place: at(mark), message: "YAML syntax: \(Self.joined(context, problem))",
                suggestion: Self.advice(problem))
        case .reader(let problem, let offset, _, let yaml)?:
            let before = yaml.prefix(offset ?? 0)
            let line = before.unicodeScalars.count { $0 == "\n" } + 1
            let column = before.unicodeScalars.reversed().prefix { $0 != "\n" }.count + 1
            self.init(
                place: SourcePlace(line: line + linesBefore, column: column), message: "YAML syntax: \(problem)",
                suggestion: nil)
        default:
            self.init(
                place: SourcePlace(line: linesBefore + 1, column: 1), message: "YAML syntax: \(error)", suggestion: nil)
        }
    }

    private static func joined(_ context: YamlError.Context?, _ problem: String) -> String {
        guard let context = context?.text, !context.isEmpty else { return problem }
        return "\(context), \(problem)"
    }

    private static func advice(_ problem: String) -> String? {
        if problem.contains("mapping values are not allowed") || problem.contains("could not find expected ':'") {
            return "check the indentation, and put text that contains ': ' in quotes"
        }
        if problem.contains("did not find expected key") || problem.contains("block end") {
            return "check the indentation of this line and of the lines above"
        }
        return problem.contains("cannot start any token") ? "put the text in quotes" : nil
    }
}

extension String {
    /// The character at a line and column, both from 1.
    fileprivate func character(line: Int, column: Int) -> Character? {
        guard line > 0, column > 0 else { return nil }
        let lines = split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
        return lines.count >= line ? lines[line - 1].dropFirst(column - 1).first : nil
    }
}
