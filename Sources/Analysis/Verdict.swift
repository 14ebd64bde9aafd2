/// The verdict of a gate. Insufficient never counts as pass or as fail.
package enum Verdict: String, CaseIterable, Codable, Sendable { case pass, fail, insufficient }
