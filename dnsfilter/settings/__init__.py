"""The sections of the configuration, by what they are about; `config` puts them together."""
