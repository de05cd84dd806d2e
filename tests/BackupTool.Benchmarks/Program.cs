using System.Globalization;
using BackupTool.Benchmarks.Data;
using BenchmarkDotNet.Running;

const string Usage = """
    usage: BackupTool.Benchmarks generate DIR [--size L|S|tiny] [--seed N]
           BackupTool.Benchmarks mutate DIR [--seed N]
           BackupTool.Benchmarks micro [BenchmarkDotNet's options]
    """;

if (args is ["micro", .. string[] options])
{
    BenchmarkSwitcher.FromAssembly(typeof(DataSet).Assembly).Run(options);
    return 0;
}

string size = "L";
ulong seed = 1;
bool understood = args.Length >= 2 && args.Length % 2 == 0;
for (int i = 2; understood && i < args.Length; i += 2)
{
    if (args[i] == "--size") size = args[i + 1];
    else understood = args[i] == "--seed" && ulong.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seed);
}

switch (understood ? args[0] : "", DataSet.Named(size))
{
    case ("generate", DataSet dataSet):
        if (Directory.Exists(args[1]) && Directory.EnumerateFileSystemEntries(args[1]).Any())
        {
            Console.Error.WriteLine($"{args[1]} is not empty: name a new directory.");
            return 1;
        }
        dataSet.Generate(args[1], seed);
        return 0;
    case ("mutate", _):
        DataSet.Mutate(args[1], seed);
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}
