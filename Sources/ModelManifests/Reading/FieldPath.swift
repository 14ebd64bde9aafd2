/// One part of a field's path, such as `steps` and `[2]` in `spec.rollout.steps[2]`.
enum PathElement: Hashable, Sendable {
    case field(String)
    case index(Int)

    static func text(_ path: some Sequence<PathElement>) -> String {
        var text = ""
        for element in path {
            switch element {
            case .field(let name): text += text.isEmpty ? name : ".\(name)"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
