using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace BackupTool.Services.Profiles;

/// <summary>A YAML document that is not the mapping it should be. Quotes nothing of it.</summary>
internal sealed class YamlFormatException(TextPlace place, Exception? innerException = null) : Exception($"not a YAML mapping at {place}", innerException)
{
    internal TextPlace Place { get; } = place;
}

/// <summary>A YAML mapping, read through the representation model: no types are mapped, so no reflection.</summary>
internal sealed class YamlMapping
{
    private const int MaxDepth = 64;
    private readonly YamlMappingNode _node;

    private YamlMapping(YamlMappingNode node) => _node = node;

    /// <exception cref="ServiceLayoutException">As <see cref="Parse"/>, or it cannot be read.</exception>
    internal static YamlMapping Read(BytePath file, string service)
    {
        try
        {
            return Parse(ServiceConfigFile.Read(file, service));
        }
        catch (YamlFormatException e)
        {
            throw ServiceConfigFile.Unreadable(file, service, "a YAML mapping", e.Place);
        }
    }

    /// <exception cref="YamlFormatException">It is not YAML, not a mapping, or nested too deep to be read safely.</exception>
    internal static YamlMapping Parse(byte[] content)
    {
        try
        {
            string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content).TrimStart('\uFEFF');
            CheckDepth(text);
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            return stream.Documents is [{ RootNode: YamlMappingNode root }, ..] ? new YamlMapping(root) : throw new YamlFormatException(new TextPlace(1, 1));
        }
        catch (YamlException e)
        {
            throw new YamlFormatException(new TextPlace((int)e.Start.Line, (int)e.Start.Column), e);
        }
        catch (DecoderFallbackException e)
        {
            throw new YamlFormatException(new TextPlace(1, 1), e);
        }
    }

    /// <summary>Whether a text is a YAML document of nothing but comments and blanks.</summary>
    internal static bool IsEmpty(byte[] content) => Encoding.UTF8.GetString(content).Split('\n').All(static line => line.TrimStart() is "" or ['#', ..] || line.Trim() == "---");

    /// <summary>The text of a key; null when it is not there, null, or not a scalar.</summary>
    internal string? Text(string key) => Find(key) is YamlScalarNode scalar ? TextOf(scalar) : null;

    /// <summary>The mapping of a key; null when it is not there or something else.</summary>
    internal YamlMapping? Mapping(string key) => Find(key) is YamlMappingNode mapping ? new YamlMapping(mapping) : null;

    /// <summary>The texts of a key that holds a list of them, or one of them; null when it is not there.</summary>
    internal List<string>? Texts(string key) => Find(key) switch
    {
        YamlScalarNode scalar => TextOf(scalar) is { } text ? [text] : null,
        YamlSequenceNode sequence => [.. sequence.OfType<YamlScalarNode>().Select(TextOf).OfType<string>()],
        _ => null,
    };

    /// <summary>The mappings in the list of a key; empty when it is not there or no list.</summary>
    internal List<YamlMapping> Mappings(string key) =>
        Find(key) is YamlSequenceNode sequence ? [.. sequence.OfType<YamlMappingNode>().Select(static node => new YamlMapping(node))] : [];

    /// <summary>Every key that is text.</summary>
    internal IEnumerable<string> Keys => _node.Children.Keys.OfType<YamlScalarNode>().Select(static key => key.Value).OfType<string>();

    /// <summary>Whether the key is there at all, be it null.</summary>
    internal bool Has(string key) => Find(key) is not null;

    /// <summary>Whether the key is one of YAML 1.1's words for true; null when it is not there.</summary>
    internal bool? Flag(string key) => Text(key) is { } text ? text.ToLowerInvariant() is "true" or "yes" or "on" : null;

    /// <summary>This mapping with the keys of another in the place of its own: whole values, nothing is merged within them.</summary>
    internal YamlMapping With(YamlMapping later)
    {
        var merged = new YamlMappingNode();
        foreach ((YamlNode key, YamlNode value) in _node.Children) merged.Children[key] = value;
        foreach ((YamlNode key, YamlNode value) in later._node.Children) merged.Children[key] = value;
        return new YamlMapping(merged);
    }

    private YamlNode? Find(string key) => _node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;

    private static string? TextOf(YamlScalarNode scalar) =>
        scalar.Style == ScalarStyle.Plain && scalar.Value is null or "" or "~" or "null" or "Null" or "NULL" ? null : scalar.Value;

    // The model is built by recursion: a plugin that nests a thousand lists must not end this process.
    private static void CheckDepth(string text)
    {
        var parser = new Parser(new StringReader(text));
        int depth = 0;
        while (parser.MoveNext())
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MaxDepth) throw new YamlFormatException(new TextPlace((int)parser.Current.Start.Line, (int)parser.Current.Start.Column));
        }
    }
}
