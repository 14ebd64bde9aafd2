/// Follows a path folder by folder and link by link, as the kernel does. Pure: the caller provides the files' properties.
struct PathWalk {
    static let mostSteps = 256

    /// The properties of the file at a path; nil where there is none.
    let facts: (String) throws -> FileFacts?

    enum Step: Equatable {
        case link(String, FileFacts)
        case folder(String, FileFacts)
        /// The last part of the path.
        case last(String, FileFacts)
        /// Nothing exists from here on.
        case missing(String)
    }

    /// - Parameter path: an absolute path.
    /// - Throws: `TrustProblem` for links that lead nowhere, and the errors of `facts`.
    func steps(to path: String) throws -> [Step] {
        var steps: [Step] = []
        var current: [Substring] = []
        var ahead = path.split(separator: "/")[...]
        if let root = try facts("/") { steps.append(ahead.isEmpty ? .last("/", root) : .folder("/", root)) }
        while let next = ahead.popFirst() {
            guard steps.count < Self.mostSteps else {
                throw TrustProblem(path: path, reason: "its links lead in a circle", advice: "Choose another place")
            }
            switch next {
            case ".": continue
            case "..":
                _ = current.popLast()
                continue
            default: break
            }
            let here = "/" + (current + [next]).joined(separator: "/")
            guard let found = try facts(here) else { return steps + [.missing(here)] }
            switch found.kind {
            case .link(let target):
                steps.append(.link(here, found))
                if target.hasPrefix("/") { current = [] }
                ahead = (target.split(separator: "/") + ahead)[...]
            case .folder where !ahead.isEmpty:
                current.append(next)
                steps.append(.folder(here, found))
            case .folder, .file, .other:
                guard ahead.isEmpty else {
                    throw TrustProblem(path: here, reason: "it is not a folder", advice: "Choose another place")
                }
                return steps + [.last(here, found)]
            }
        }
        return steps
    }
}

extension TrustRules {
    /// A problem of a file or of the folders above it. Nil also where the file does not exist; opening it will report that.
    func problem(with steps: [PathWalk.Step], as use: Use) -> TrustProblem? {
        for step in steps {
            let found: TrustProblem? =
                switch step {
                case .link(let path, let facts): problem(withLink: facts, at: path)
                case .folder(let path, let facts): problem(with: facts, at: path, as: .way)
                case .last(let path, let facts): problem(with: facts, at: path, as: use)
                case .missing: nil
                }
            if let found { return found }
        }
        return nil
    }
}
