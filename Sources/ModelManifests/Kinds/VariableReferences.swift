/// `$(NAME)` in commands and environments.
public enum VariableReferences {
    /// Replaces `$(NAME)` by the variable's value; `$$` is a dollar sign; a name that is not set is left as it is.
    /// The rules are Kubernetes' (`third_party/forked/golang/expansion`).
    public static func replaced(in text: String, by variables: [String: String]) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result += "$"
                rest = rest.dropFirst()
            case "(":
                guard let end = rest.firstIndex(of: ")") else {
                    result += "$("
                    rest = rest.dropFirst()
                    continue
                }
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                result += variables[name] ?? "$(\(name))"
                rest = rest[rest.index(after: end)...]
            default:
                result += "$"
            }
        }
        return result + rest
    }
}
