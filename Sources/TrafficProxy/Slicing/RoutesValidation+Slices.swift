import ModelManifests
import Serving

/// Checks the slices of a route.
extension RoutesValidation {
    static func check(_ slices: [TrafficSlice]) -> [String] {
        var problems: [String] = []
        if slices.count > TrafficSlice.countLimit { problems.append("over \(TrafficSlice.countLimit) slices") }
        if Set(slices.map(\.name)).count != slices.count { problems.append("a slice is listed twice") }
        if slices.reduce(0, { $0 + $1.valueCount - 1 }) > TrafficSlice.valueLimit {
            problems.append("the slices have over \(TrafficSlice.valueLimit) values together")
        }
        for slice in slices {
            if !NameRules.isDNSLabel(slice.name) { problems.append("a slice's name is not a DNS label") }
            if case .header(let name) = slice.key, !isToken(name) {
                problems.append("slice \(slice.name): the header's name is not a token")
            }
            switch slice.values {
            case .listed(let values) where values.contains { !TrafficSlice.isValue($0) || $0 == TrafficSlice.other }:
                problems.append("slice \(slice.name): a value is invalid or reserved")
            case .top(let count) where count < 1: problems.append("slice \(slice.name): it has no value")
            case .listed, .top: break
            }
        }
        return problems
    }
}
