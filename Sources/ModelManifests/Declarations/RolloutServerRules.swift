/// The rules of `RolloutRules` and `StrategyRules`, for the API server.
enum RolloutServerRules {
    static let all = steps + gates + strategies

    private static let steps = [
        ServerRule(
            "!has(self.steps) || (has(self.steps[size(self.steps) - 1].setWeight) && self.steps[size(self.steps) - "
                + "1].setWeight == 100)", "the steps do not end at 100 %: add '- setWeight: 100' at the end"),
        ServerRule(
            "!has(self.steps) || self.steps.filter(s, has(s.setWeight)).map(s, s.setWeight).isSorted()",
            "setWeight falls: weights rise from step to step"),
        ServerRule(
            "!has(self.steps) || self.steps.filter(s, has(s.setWeight) && s.setWeight == 100).size() <= 1",
            "setWeight: 100 is given twice, but the rollout ends there"),
    ]

    private static func name(_ gate: String) -> String {
        "(has(\(gate).name) ? \(gate).name : has(\(gate).template) ? \(gate).template : '')"
    }

    /// The gate defines what it judges, and does not only name another gate.
    private static func isDefinition(_ gate: String) -> String {
        "(" + (GateFields.kinds + ["template"]).map { "has(\(gate).\($0))" }.joined(separator: " || ") + ")"
    }

    /// A condition on one step, instead of a list of the steps that define gates: inside a loop such a list would be built again
    /// each time, and the worst-case cost would grow with the third power.
    private static func defines(_ step: String) -> String { "has(\(step).gate) && \(isDefinition("\(step).gate"))" }

    private static let defaults =
        "[" + RolloutSpec.defaultGates.map { "'\($0.name)'" }.joined(separator: ", ") + "]"

    private static let gates = [
        ServerRule(
            "!has(self.gates) || self.gates.all(g, self.gates.exists_one(h, \(name("h")) == \(name("g"))))",
            "two gates have the same name"),
        ServerRule(
            "!has(self.steps) || self.steps.all(s, !(\(defines("s"))) || self.steps.exists_one(t, \(defines("t")) && "
                + "\(name("t.gate")) == \(name("s.gate"))))",
            "two gates of steps have the same name"),
        ServerRule(
            "!has(self.steps) || self.steps.all(s, !(\(defines("s"))) || (has(self.gates) ? !self.gates.exists(g, "
                + "\(name("g")) == \(name("s.gate"))) : !(\(name("s.gate")) in \(defaults))))",
            "a gate of a step has the same name as one of gates, or as a default gate"),
        ServerRule(
            "!has(self.steps) || self.steps.all(s, !has(s.gate) || \(isDefinition("s.gate")) || !has(s.gate.name) || "
                + "(has(self.gates) ? self.gates.exists(g, \(name("g")) == s.gate.name && !(has(g.warnOnly) && g.warnOnly)) "
                + ": s.gate.name in \(defaults)) || "
                + "self.steps.exists(t, \(defines("t")) && \(name("t.gate")) == s.gate.name))",
            "a step names a gate that does not exist or is warnOnly"),
    ]

    private static func isStrategy(_ strategies: RolloutSpec.Strategy...) -> String {
        "(has(self.strategy) && self.strategy in [\(strategies.map { "'\($0.rawValue)'" }.joined(separator: ", "))])"
    }

    private static let strategies = [
        ServerRule(
            "!has(self.keepFor) || \(isStrategy(.blueGreen))", "keepFor can only be used with strategy: blueGreen"),
        ServerRule(
            "has(self.ab) == \(isStrategy(.ab))", "ab is required with strategy: ab, and can only be used there"),
        ServerRule(
            "!has(self.shadow) || \(isStrategy(.shadow)) || (has(self.steps) && self.steps.exists(s, has(s.mirror)))",
            "shadow can only be used with strategy: shadow or with a mirror step"),
        ServerRule(
            "!has(self.probation) || !\(isStrategy(.blueGreen))",
            "with strategy: blueGreen, write keepFor instead of probation"),
        ServerRule(
            "!has(self.steps) || !\(isStrategy(.blueGreen, .recreate)) || self.steps.all(s, !has(s.setWeight) || s.setWeight "
                + "== 100)", "blueGreen and recreate switch all traffic at once"),
        ServerRule(
            "!has(self.steps) || !\(isStrategy(.recreate)) || self.steps.all(s, !has(s.mirror))",
            "with strategy: recreate there is no stable revision to copy requests from"),
    ]
}
