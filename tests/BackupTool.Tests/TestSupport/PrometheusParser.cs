using System.Globalization;
using System.Text.RegularExpressions;

namespace BackupTool.Tests.TestSupport;

/// <summary>Reads the text format of Prometheus (0.0.4) as its own parser does, and stricter: HELP and TYPE once before the samples of a metric, all of which stand together; no sample twice.</summary>
internal static partial class PrometheusParser
{
    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")*)\})? (-?[0-9]+(?:\.[0-9]+)?)$""")]
    private static partial Regex Sample { get; }

    /// <summary>Values by name and labels, as they stand there.</summary>
    internal static Dictionary<string, double> Parse(string text)
    {
        text.Should().EndWith("\n").And.NotContain("\r").And.NotContain("\n\n");
        var samples = new Dictionary<string, double>();
        var ended = new HashSet<string>();
        string? metric = null;
        string[] lines = text[..^1].Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("# HELP ", StringComparison.Ordinal))
            {
                metric = lines[i].Split(' ', 4)[2];
                lines[i].Split(' ', 4)[3].Should().NotBeEmpty();
                ended.Add(metric).Should().BeTrue("{0} stands together", metric);
                lines[++i].Should().Be($"# TYPE {metric} gauge");
                continue;
            }
            Match match = Sample.Match(lines[i]);
            match.Success.Should().BeTrue("this is a sample: {0}", lines[i]);
            match.Groups[1].Value.Should().Be(metric);
            samples.TryAdd(lines[i][..lines[i].LastIndexOf(' ')], double.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture)).Should().BeTrue("once: {0}", lines[i]);
        }
        return samples;
    }
}
