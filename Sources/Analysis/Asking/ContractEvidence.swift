import ModelManifests

/// The evidence of a contract gate, which compares the contracts of both sides.
struct ContractEvidence: Codable, Hashable, Sendable {
    private var attempts = QuestionAttempts()
    private(set) var verdict = Verdict.insufficient
    private var finding: String?

    /// The number of comparisons with a decision.
    var samples: Int { attempts.isDecided ? 1 : 0 }

    func questionDue(atSeconds seconds: Double) -> Int? { attempts.due(atSeconds: seconds) }

    mutating func take(_ answer: ContractAnswer, ordinal: Int, atSeconds seconds: Double) {
        guard attempts.due(atSeconds: seconds) == ordinal else { return }
        switch answer {
        case .unreadable(let why): postpone(why.quoted(upTo: 400), atSeconds: seconds)
        case .read(let stable, let candidate):
            if let empty = stable.inputs.isEmpty ? "stable" : candidate.inputs.isEmpty ? "candidate" : nil {
                postpone(
                    "the metadata of \(empty) names no inputs, so there is nothing to compare: declare them in the "
                        + "model's settings", atSeconds: seconds)
            } else {
                attempts.decide()
                conclude(stable: stable, candidate: candidate)
            }
        }
    }

    private mutating func postpone(_ why: String, atSeconds seconds: Double) {
        finding = why
        attempts.postpone(atSeconds: seconds)
    }

    /// A longer list would make the evidence large without helping anybody.
    private static let differencesLimit = 8

    private mutating func conclude(stable: ModelContract, candidate: ModelContract) {
        let differences = candidate.differences(from: stable)
        verdict = differences.isEmpty ? .pass : .fail
        let more = differences.count - Self.differencesLimit
        finding =
            differences.isEmpty
            ? "the candidate accepts the inputs of stable (\(stable.inputs.count)) and returns its outputs (\(stable.outputs.count))"
            : differences.prefix(Self.differencesLimit).joined(separator: "; ")
                + (more > 0 ? "; and \(more) more" : "")
    }

    var reason: String {
        guard let finding else { return "the contracts have not been compared yet" }
        return attempts.isDecided ? finding : "\(finding); \(attempts.text)"
    }
}

extension ModelContract {
    /// Why clients of stable may not work with this model. Empty if they will.
    ///
    /// It must accept every input of stable in every shape that stable accepts, and require no input that stable does
    /// not have. It must return every output of stable, in a shape that stable's shape allows.
    func differences(from stable: ModelContract) -> [String] {
        let taken = stable.inputs.flatMap { wanted -> [String] in
            guard let own = inputs.first(where: { $0.name == wanted.name }) else {
                return ["input '\(wanted.shownName)' is no longer accepted"]
            }
            return own.difference(from: wanted, own.admits(wanted)).map { ["input \($0)"] } ?? []
        }
        let added = inputs.filter { own in !stable.inputs.contains { $0.name == own.name } }
            .map { "input '\($0.shownName)' is required, but stable does not accept it" }
        let given = stable.outputs.flatMap { wanted -> [String] in
            guard let own = outputs.first(where: { $0.name == wanted.name }) else {
                return ["output '\(wanted.shownName)' is no longer returned"]
            }
            return own.difference(from: wanted, wanted.admits(own)).map { ["output \($0)"] } ?? []
        }
        return taken + added + given
    }
}

extension ModelContract.Tensor {
    /// Whether every shape that fits `other` also fits this tensor. -1 stands for any size.
    fileprivate func admits(_ other: Self) -> Bool {
        shape.count == other.shape.count && zip(shape, other.shape).allSatisfy { $0 == -1 || $0 == $1 }
    }

    fileprivate func difference(from stable: Self, _ fits: Bool) -> String? {
        if datatype != stable.datatype {
            return "'\(shownName)' is \(datatype.quoted(upTo: 20)), stable's is \(stable.datatype.quoted(upTo: 20))"
        }
        return fits ? nil : "'\(shownName)' has shape \(shownShape), stable's has \(stable.shownShape)"
    }

    fileprivate var shownName: String { name.quoted(upTo: 40) }
    fileprivate var shownShape: String { "\(shape)".quoted(upTo: 40) }
}
