import Foundation
import TestSupport

// `make bench`: the figures that mlctl promises, each beside its goal, and beside a peer in the same run where there is one.

var arguments = CommandLine.arguments
if arguments.dropFirst().first == "idle-controller" {
    try await IdleController.run(deployments: 1000)
    exit(0)
}
// 1,000 streams a cell are what the figures are of; fewer show in seconds that it runs.
var streams = 1000
if let option = arguments.firstIndex(of: "--streams") {
    let wanted = arguments.dropFirst(option + 1).first.flatMap { Int($0) } ?? 0
    guard (1...Int(Streams.seedsPerCell)).contains(wanted) else {
        print("--streams wants a number from 1 to \(Streams.seedsPerCell)")
        exit(2)
    }
    streams = wanted
    arguments.removeSubrange(option...(option + 1))
}
let all = Benchmark.all(streams: streams)
guard arguments.count >= 2 else {
    print("usage: benchmarks PATH-OF-MLCTL [--streams N] [NAME…]   names: \(all.map(\.name).joined(separator: ", "))")
    exit(2)
}
let mlctl = URL(filePath: arguments[1]).standardizedFileURL
let chosen = arguments.count > 2 ? all.filter { arguments.contains($0.name) } : all
var figures: [Figure] = []
for benchmark in chosen {
    print("\(benchmark.name) …")
    fflush(nil)
    do {
        figures += try await benchmark.run(mlctl)
    } catch {
        figures.append(Figure(what: benchmark.name, goal: "-", measured: "failed: \(error)", isMet: false))
    }
}
print("\n" + Figure.table(figures))
exit(figures.allSatisfy(\.isMet) ? 0 : 1)
