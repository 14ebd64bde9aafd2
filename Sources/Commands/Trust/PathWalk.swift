/// A path, folder by folder and link by link, as the kernel goes it. Pure: what is there, somebody else says.
struct PathWalk {
    static let mostSteps = 256

    /// What stands at a path; nil: nothing.
    let facts: (String) throws -> FileFacts?

    enum Step: Equatable {
        case link(String, FileFacts)
        case folder(String, FileFacts)
        /// The end.
        case last(String, FileFacts)
        /// From here on nothing is there.
        case missing(String)
    }

    /// - Parameter path: absolute.
    /// - Throws: `TrustProblem` for links that lead nowhere; what `facts` throws.
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
                    throw TrustProblem(path: here, reason: "it is no folder", advice: "Choose another place")
                }
                return steps + [.last(here, found)]
            }
        }
        return steps
    }
}

extension TrustRules {
    /// What is wrong with a file, or with the way to it. Nil also where it is not there: whoever opens it will say so.
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
